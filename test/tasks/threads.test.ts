import { expect, test } from "vitest";
import type { RunningTask, TaskHooks, TaskStart } from "../../src/domain/task-runner.js";
import type * as Threads from "../../src/tasks/threads.js";
import { systemClock } from "../../src/system/clock.js";
import { createHandClock } from "../support/hand-clock.js";

// As it is built: a thread begins with a file beside it.
const built = new URL("../../dist/tasks/threads.js", import.meta.url);
const { createTaskThreads } = (await import(built.href)) as typeof Threads;
/** As defineTask makes it. */
const module = `export const task = { isPointsmanTask: true, name: "t", description: "", labels: {}, delivery: "READ_ONLY",
  maxDeferrals: 0, declaresIntent: false, run: async ({ input }) => {
    const { message, name, code } = input;
    if (message !== undefined) throw Object.assign(new Error(), { message, name, code });
    return "done";
  } };`;
const modules = [`data:text/javascript,${encodeURIComponent(module)}`];

const start: TaskStart = {
  ...{ type: "t", input: {}, job: "j1", attempt: 1, deferrals: 0 },
  ...{ labels: {}, zone: "default", node: "n", outputBytes: 1_000 },
};
const hooks = { began: () => undefined } as TaskHooks;

test("a task that begins while a thread is ended that had nothing to do gets another", async () => {
  const hand = createHandClock();
  let begin = (): void => undefined;
  const timer: typeof hand.timer = (ms, run) =>
    hand.timer(ms, () => {
      run();
      begin();
    });
  const clock = { ...hand, timer };
  const threads = createTaskThreads({ clock, modules, threads: 1, memoryMegabytes: 64, env: {} });
  await threads.start();
  let task: RunningTask | undefined;
  begin = () => void (task ??= threads.run(start, hooks));
  await hand.advance(60_000);
  expect(await task?.ended).toMatchObject({ how: "answered" });
  await threads.stop();
});

test.each([
  ["a number", { message: 5 }, { message: "5" }],
  ["an object", { message: { at: "line 3" } }, { message: "[object Object]" }],
  ["half a character", { message: "no \ud83d" }, { message: "no \ufffd" }],
  ["a name and a code of that", { message: "no", name: "\ude00", code: "\ud83d" }, { name: "\ufffd", message: "no" }],
  ["a code", { message: "no", name: "TaskError", code: "A\ud83d" }, { code: "A\ufffd", message: "no" }],
])("a task throws an error whose message is %s", async (_, input, thrown) => {
  const threads = createTaskThreads({ clock: systemClock, modules, threads: 1, memoryMegabytes: 64, env: {} });
  await threads.start();
  expect(await threads.run({ ...start, input }, hooks).ended).toMatchObject({ how: "threw", thrown });
  await threads.stop();
});
