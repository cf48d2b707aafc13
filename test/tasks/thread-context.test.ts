import { expect, test } from "vitest";
import type { FromThread } from "../../src/tasks/messages.js";
import type { Remarks } from "../../src/tasks/remarks.js";
import { createThreadContext } from "../../src/tasks/thread-context.js";

const remarks = {} as Remarks;
const start = {
  ...{ type: "t", input: {}, job: "j1", attempt: 1, deferrals: 0 },
  ...{ labels: {}, zone: "default", node: "n", outputBytes: 1_000 },
};

test("a task asks for ten thousand devices at once; the worker has a bounded number of them to remember", async () => {
  const waiting: number[] = [];
  let most = 0;
  const thread = createThreadContext(start, {}, remarks, (message: FromThread) => {
    if (message.kind !== "call") return;
    if (message.ask === "intent") return thread.take({ kind: "answer", call: message.call, value: undefined });
    waiting.push(message.call);
    most = Math.max(most, waiting.length);
  });
  const names = Array.from({ length: 10_000 }, (_, i) => `r${i}`);
  const { device } = thread.context as unknown as {
    device: (name: string) => { run(line: string): Promise<{ output: string }> };
  };
  const all = Promise.all(names.map((name) => device(name).run("show clock")));
  await thread.context.intent();
  for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) {
    const command = { output: String(call), status: "ok" as const, errorLines: [], durationMs: 1 };
    thread.take({ kind: "answer", call, value: { commands: [command] } });
  }
  expect((await all).length).toBe(10_000);
  expect(most).toBeLessThanOrEqual(1_000);
});

test("a task logs beside its text what is no level: an error, a number, whatever it likes", () => {
  const levels: unknown[] = [];
  const noting = { log: (_text: string, level: unknown) => void levels.push(level) } as unknown as Remarks;
  const log = createThreadContext(start, {}, noting, () => undefined).context.log as (...all: unknown[]) => void;
  for (const level of [undefined, null, 50.5, 10n, new Error("it"), {}, "ERROR", "error"]) log("it failed", level);
  expect(levels).toEqual([...Array.from({ length: 7 }, () => "info"), "error"]);
});
