import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { createConfigurator, createRedactor, type Session } from "../../src/device/index.js";
import type { AttemptContext, StopCause } from "../../src/worker/attempt-context.js";
import type { Change } from "../../src/worker/configure-change.js";
import { takeBack } from "../../src/worker/configure-confirm.js";
import { createConfigureReport } from "../../src/worker/configure-report.js";
import type { OutputWriter } from "../../src/worker/output-writer.js";
import { AttemptError } from "../../src/worker/failure.js";
import { platform } from "../support/device-engine.js";

/**
 * A change under a timer on a device that goes back by itself alone, looked at so many times before it has, and its timer so
 * many times before it has run out.
 */
async function takenBack(
  cause: StopCause,
  looks: number,
  { looksUntilRanOut = 0, signal = AbortSignal.abort(cause) }: { looksUntilRanOut?: number; signal?: AbortSignal } = {},
) {
  const steps = { intended: () => undefined, confirmed: () => undefined, fact: () => undefined };
  const writer = steps as unknown as OutputWriter;
  const timer = (_ms: number, run: () => void): void => void setImmediate(run);
  const { rules } = createConfigurator(platform("juniper_junos"), "pm", 60);
  let looked = 0;
  const running = () => {
    progress.ranOut = ++looked > looksUntilRanOut;
    return Promise.resolve(looked <= looks ? "system { new; }" : "system { old; }");
  };
  const configurator = { rules, running, timerMs: 60_000, prepare: () => Promise.resolve() };
  const context = { writer, signal, timer, stopCause: () => cause, beforeWrite: () => undefined };
  const progress = { intended: 1, confirmed: 1, changed: true, intent: true, ranOut: false, steps: 2 };
  const report = createConfigureReport(writer, createRedactor([], []), [], 1_000);
  const change = { configurator, progress, report, timerSeconds: 60, context: context as unknown as AttemptContext };
  const at = { session: {} as Session, fresh: undefined, before: "system { old; }", step: 2 };
  await takeBack(change as unknown as Change, at, new AttemptError("CANCELLED", "stopped"));
  return { ...progress, rolledBack: report.result.rolledBack, looked };
}

test.each(["stop", "cancel"] as const)(
  "a change under a timer is watched until it is taken back: %s",
  async (cause) => {
    expect(await takenBack(cause, 3)).toMatchObject({ rolledBack: true, changed: false, confirmed: 2 });
  },
);

test("what never took effect reads as before at once, and is taken back when its timer has run out, no sooner", async () => {
  expect(await takenBack("cancel", 0, { looksUntilRanOut: 4 })).toMatchObject({
    rolledBack: true,
    confirmed: 2,
    looked: 5,
  });
  // Seen to be something else first, it was the timer that took it back.
  expect(await takenBack("cancel", 2, { looksUntilRanOut: 4 })).toMatchObject({
    rolledBack: true,
    confirmed: 2,
    looked: 3,
  });
  expect(await takenBack("cancel", 0, { looksUntilRanOut: Infinity })).toMatchObject({
    rolledBack: false,
    confirmed: 1,
  });
});

test("a timer of minutes runs for whole ones", () => {
  const timerMs = (name: string) => createConfigurator(platform(name), "pm", 61).timerMs;
  expect(["juniper_junos", "h3c_comware", "cisco_ios"].map(timerMs)).toEqual([120_000, 120_000, 120_000]);
  expect(["arista_eos", "cisco_iosxr"].map(timerMs)).toEqual([61_000, 61_000]);
});

test("nobody waits for it whose time is over", async () => {
  expect(await takenBack("shutdown", 3)).toMatchObject({ rolledBack: false, changed: true, confirmed: 1 });
});

test("however often it is looked, nothing is left hanging at the signal that ends the wait", async () => {
  const { signal } = new AbortController();
  expect(await takenBack("stop", 6, { signal })).toMatchObject({ rolledBack: true });
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
