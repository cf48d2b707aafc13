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

/** A change under a timer on a device that goes back by itself alone, looked at so many times before it has. */
async function takenBack(cause: StopCause, looks: number, signal = AbortSignal.abort(cause)) {
  const steps = { intended: () => undefined, confirmed: () => undefined, fact: () => undefined };
  const writer = steps as unknown as OutputWriter;
  const timer = (_ms: number, run: () => void): void => void setImmediate(run);
  const { rules } = createConfigurator(platform("juniper_junos"), "pm", 60);
  let left = looks;
  const running = () => Promise.resolve(left-- > 0 ? "system { new; }" : "system { old; }");
  const configurator = { rules, running, prepare: () => Promise.resolve() };
  const context = { writer, signal, timer, stopCause: () => cause, beforeWrite: () => undefined };
  const progress = { intended: 1, confirmed: 1, changed: true, intent: true, steps: 2 };
  const report = createConfigureReport(writer, createRedactor([], []), [], 1_000);
  const change = { configurator, progress, report, timerSeconds: 60, context: context as unknown as AttemptContext };
  const at = { session: {} as Session, fresh: undefined, before: "system { old; }", step: 2 };
  await takeBack(change as unknown as Change, at, new AttemptError("CANCELLED", "stopped"));
  return { ...progress, rolledBack: report.result.rolledBack };
}

test.each(["stop", "cancel"] as const)(
  "a change under a timer is watched until it is taken back: %s",
  async (cause) => {
    expect(await takenBack(cause, 3)).toMatchObject({ rolledBack: true, changed: false, confirmed: 2 });
  },
);

test("nobody waits for it whose time is over", async () => {
  expect(await takenBack("shutdown", 3)).toMatchObject({ rolledBack: false, changed: true, confirmed: 1 });
});

test("however often it is looked, nothing is left hanging at the signal that ends the wait", async () => {
  const { signal } = new AbortController();
  expect(await takenBack("stop", 6, signal)).toMatchObject({ rolledBack: true });
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
