/* eslint-disable no-console -- what tasks print is to be seen. */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineTask, TaskError } from "@pointsman/sdk/task";

/** Reads two things of a device, and answers with one of them. */
export const version = defineTask({
  name: "lab.version",
  description: "Reads the version of a device",
  labels: { team: "lab" },
  delivery: "READ_ONLY",
  input: {
    type: "object",
    properties: { line: { type: "string" } },
    required: ["line"],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: { first: { type: "string" }, device: { type: "string" } },
    required: ["first", "device"],
  },
  async run({ input, device, progress, log, labels }) {
    progress(0, "asking");
    const { output } = await device().run(input.line);
    progress(100, "done");
    log(`asked for ${labels["why"]}`, "debug");
    return { first: output.split("\n")[0], device: device().name };
  },
});

/** Changes a device line by line. */
export const change = defineTask({
  name: "lab.change",
  delivery: "AT_MOST_ONCE",
  async run({ input, device }) {
    await device().run("show version");
    for (const line of input.lines) {
      await device()
        .run(line, { privilege: input.enable ? "enable" : "login" })
        .catch((error) => {
          if (!input.forgive) throw error;
        });
    }
    if (input.fail) throw new Error("after the change");
  },
});

/** Configures a device, looks at it, and goes on however that went where it is told to. */
export const configure = defineTask({
  name: "lab.configure",
  delivery: "AT_MOST_ONCE",
  async run({ input, device }) {
    await device().run("show version");
    const done = device().configure(input.lines, { save: input.save, acceptUnproven: true });
    const answer = await (input.forgive ? done.catch((error) => ({ reason: error.reason })) : done);
    await device().run("show clock");
    return answer;
  },
});

/** Says what a configuration would change, and makes it where it is told to. */
export const plan = defineTask({
  name: "lab.plan",
  delivery: "READ_ONLY",
  run: ({ input, device }) => device().configure(input.lines, { plan: !input.apply, acceptUnproven: true }),
});

/** Waits before its change, without a device. */
export const patient = defineTask({
  name: "lab.patient",
  delivery: "AT_MOST_ONCE",
  declaresIntent: true,
  async run({ deferrals, defer, intent, input }) {
    if (input.early) await intent();
    if (deferrals === 0) defer(1_000, "not now");
    await intent();
    return deferrals;
  },
});

/** Types its line when a file is there. */
export const late = defineTask({
  name: "lab.late",
  delivery: "READ_ONLY",
  async run({ input, device, log, signal }) {
    log("waiting");
    while (!existsSync(input.until)) await sleep(20, undefined, { signal });
    return (await device().run(input.line)).output;
  },
});

/** Does what its input says, without a device. */
export const odd = defineTask({
  name: "lab.odd",
  delivery: "READ_ONLY",
  maxDeferrals: 2,
  async run(context) {
    const { input, log, signal, attempt, deferrals } = context;
    switch (input.do) {
      case "throw":
        throw new Error(input.say);
      case "retry":
        throw new TaskError("not yet", { code: "NOT_YET", retry: true, retryAfterMs: input.with });
      case "loop":
        for (;;);
      case "flood":
        for (;;) log("0123456789".repeat(10));
      case "print":
        for (let i = 0; i < 3; i++) console.log(`line ${i}`);
        console.error("to stderr");
        return undefined;
      case "eat":
        for (const all = []; ;) all.push(new Array(100_000).fill(all.length));
      case "exit":
        return process.exit(7);
      case "leave":
        setTimeout(() => {
          throw new Error("nobody waits for this");
        }, input.ms);
        return "left";
      case "defer":
        return deferrals < input.times ? context.defer(input.ms ?? 1_000, "not now") : { attempt, deferrals };
      case "wait":
        await sleep(600_000, undefined, { signal });
        return undefined;
      case "ignore":
        log("waiting");
        return await new Promise(() => setInterval(() => undefined, 1_000));
      case "answer":
        return input.with;
      case "keyed":
        return { [input.with]: input.with };
      case "half":
        return { ["😀".slice(0, 1)]: "😀".slice(1) };
      case "deep":
        return Array.from({ length: 200 }).reduce((inner) => [inner], 1);
      case "long":
        return "x".repeat(2_000_000);
      case "env":
        return Object.keys(process.env).filter((name) => name.startsWith("POINTSMAN_"));
      case "device":
        return await context.device("other").run("show version");
      default:
        return { thread: process.pid };
    }
  },
});

/** Changes something itself. */
export const outside = defineTask({
  name: "lab.outside",
  delivery: "AT_MOST_ONCE",
  async run({ input, log }) {
    log("changing");
    if (input.throw) throw new Error("half done");
    if (input.wait) await sleep(600_000);
    return "changed";
  },
});
