import { setTimeout as sleep } from "node:timers/promises";
import { defineTask, isTaskDeviceError, TaskError } from "@pointsman/sdk/task";

/** Does one thing on a device, and says what came of it. */
async function act(device, { on, run, configure, options, caught }) {
  try {
    const target = on === undefined ? device() : device(on);
    return await (configure ? target.configure(configure, { acceptUnproven: true }) : target.run(run, options));
  } catch (error) {
    if (!caught || !isTaskDeviceError(error)) throw error;
    const { reason, message, job, state, effect } = error;
    return { reason, message, job, state, effect };
  }
}

/** Works on devices as its input says: on all at once, and then in turn. */
async function work({ input, device, attempt, defer, deferrals, signal, log }) {
  const { together = [], inTurn = [], deferFirst, failFirst, fail, wait } = input;
  if (deferFirst && deferrals === 0) defer(1_000, "not now");
  const answers = await Promise.all(together.map((call) => act(device, call)));
  for (const call of inTurn) answers.push(await act(device, call));
  if (failFirst && attempt === 1) throw new TaskError("once more", { retry: true });
  if (fail) throw new Error("after all that");
  if (wait) {
    log("waiting");
    await sleep(600_000, undefined, { signal });
  }
  return answers;
}

export const reads = defineTask({ name: "fleet.reads", delivery: "READ_ONLY", run: work });
export const repeats = defineTask({ name: "fleet.repeats", delivery: "IDEMPOTENT", run: work });
export const changes = defineTask({ name: "fleet.changes", delivery: "AT_MOST_ONCE", run: work });
export const careful = defineTask({
  name: "fleet.careful",
  delivery: "AT_MOST_ONCE",
  declaresIntent: true,
  run: work,
});
