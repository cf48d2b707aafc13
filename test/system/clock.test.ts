import { expect, test } from "vitest";
import { systemClock } from "../../src/system/clock.js";

test("less than a millisecond is waited for from turn to turn, and what has come by then is read first", async () => {
  const order: string[] = [];
  const begun = systemClock.monotonic();
  const over = new Promise<void>((resolve) => void systemClock.timer(0.4, resolve)).then(() => order.push("over"));
  setImmediate(() => order.push("turn"));
  await over;
  expect(order).toEqual(["turn", "over"]);
  expect(systemClock.monotonic() - begun).toBeGreaterThanOrEqual(0.4);
});

test("what is cancelled meanwhile is not called", async () => {
  const called: string[] = [];
  const cancel = systemClock.timer(0.5, () => called.push("cancelled"));
  setImmediate(cancel);
  await new Promise<void>((resolve) => void systemClock.timer(0.9, resolve));
  await new Promise<void>((resolve) => void systemClock.timer(2, resolve));
  expect(called).toEqual([]);
});
