import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { DeviceError, type Session } from "../../src/device/index.js";
import type { AttemptContext } from "../../src/worker/attempt-context.js";
import { waitForReturn } from "../../src/worker/device-return.js";

test("a device that is long in coming back leaves nothing hanging at the signal that ends the wait", async () => {
  const { signal } = new AbortController();
  const fresh = {} as Session;
  let tries = 0;
  const checkout = (): Promise<Session> =>
    ++tries < 20 ? Promise.reject(new DeviceError("DEVICE_UNREACHABLE", "not yet")) : Promise.resolve(fresh);
  const timer = (ms: number, run: () => void): void => {
    if (ms < 60_000) setImmediate(run);
  };
  const writer = { fact: () => undefined };
  const context = { signal, timer, checkout, writer, discard: () => undefined } as unknown as AttemptContext;
  expect(await waitForReturn(context, {} as Session, 600_000, "gone")).toBe(fresh);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
