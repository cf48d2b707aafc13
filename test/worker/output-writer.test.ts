import { expect, test } from "vitest";
import type { Holder, Output, OutputPart } from "../../src/store/store.js";
import { createOutputWriter } from "../../src/worker/output-writer.js";
import { createHandClock } from "../support/hand-clock.js";

const holder: Holder = { zone: "default", worker: "w1", job: "j1", endpoint: "10.0.0.1:22", fence: "1" };

/** A writer whose store takes its first part only when it is let go. */
function stalledWriter() {
  const clock = createHandClock();
  const parts: OutputPart[] = [];
  let go: () => void = () => undefined;
  const stalled = new Promise<void>((resolve) => (go = resolve));
  const writer = createOutputWriter({
    ...{ clock, holder, offset: 0, fenced: () => undefined, giveUp: new AbortController().signal },
    leases: {
      append: async (_holder, part) => {
        if (parts.push(part) === 1) await stalled;
        return "OK";
      },
    },
  });
  return { writer, clock, parts, go };
}

/** Every fact of output in a part must speak of bytes of that part, in order and without a gap. */
function expectWhole(all: readonly Output[], text: string): void {
  let at = 0;
  for (const { facts, output } of all) {
    let length = 0;
    for (const fact of facts) {
      if (fact.kind !== "output") continue;
      expect(fact.offset).toBe(at + length);
      length += fact.length;
    }
    expect(output.length).toBe(length);
    at += length;
  }
  expect(Buffer.concat(all.map(({ output }) => output)).toString()).toBe(text);
}

test("what one command prints in small pieces while the store stalls is few facts, each of 32 KiB at most, no character cut", async () => {
  const { writer, clock, parts, go } = stalledWriter();
  let text = "first line\n";
  void writer.output(1, text);
  await clock.advance(60);
  for (let i = 0; i < 9_000; i++) {
    const line = `${i}é€`.padEnd(60) + "\n";
    text += line;
    void writer.output(1, line);
  }
  go();
  await clock.advance(100);
  const all = [...parts, await writer.end()];
  expectWhole(all, text);
  const outputs = all.flatMap(({ facts }) => facts).filter((fact) => fact.kind === "output");
  expect(outputs.length).toBeLessThan(30);
  for (const { length } of outputs) expect(length).toBeLessThanOrEqual(32 * 1024);
  expect(all.map(({ output }) => Buffer.from(output).toString()).join("")).toBe(text);
});

test("output of another command, or behind another fact, is a fact of its own", async () => {
  const { writer } = stalledWriter();
  void writer.output(1, "a");
  void writer.output(1, "b");
  void writer.output(2, "c");
  writer.fact({ kind: "log", level: "info", message: "between" });
  void writer.output(2, "d");
  const { facts } = await writer.end();
  expect(facts).toEqual([
    { kind: "output", command: 1, offset: 0, length: 2 },
    { kind: "output", command: 2, offset: 2, length: 1 },
    { kind: "log", level: "info", message: "between" },
    { kind: "output", command: 2, offset: 3, length: 1 },
  ]);
});

test("no part has more than 1,000 facts; an answer is told as seen only with all that came before it", async () => {
  const { writer, clock, parts, go } = stalledWriter();
  let text = "x";
  void writer.output(1, "x");
  await clock.advance(60);
  for (let i = 0; i < 1_700; i++) {
    writer.fact({ kind: "log", level: "info", message: `${i}` });
    void writer.output(1, `line ${i}\n`);
    text += `line ${i}\n`;
  }
  writer.intended(1);
  writer.confirmed(1);
  go();
  const rest = await writer.end();
  const all = [...parts, rest];
  expect(Math.max(...all.map(({ facts }) => facts.length))).toBe(1_000);
  expectWhole(all, text);
  expect(parts.map(({ number }) => number)).toEqual(parts.map((_, i) => i + 1));
  expect(parts.map(({ intendedStep }) => intendedStep)).toEqual([undefined, 1, undefined, undefined, undefined]);
  expect(parts.map(({ confirmedStep }) => confirmedStep)).toEqual([undefined, undefined, undefined, undefined, 1]);
});

test("the end of an attempt takes no more than 1,000 facts with it", async () => {
  const { writer, parts, go } = stalledWriter();
  go();
  for (let i = 0; i < 2_500; i++) writer.fact({ kind: "log", level: "info", message: `${i}` });
  const rest = await writer.end();
  const all = [...parts, rest];
  expect(all.reduce((sum, { facts }) => sum + facts.length, 0)).toBe(2_500);
  expect(Math.max(...all.map(({ facts }) => facts.length))).toBeLessThanOrEqual(1_000);
});

test("what a store refuses for good is let go of, holds up nothing, and is counted", async () => {
  const refusal = new Error("ERR string exceeds maximum allowed size");
  let asked = 0;
  const writer = createOutputWriter({
    ...{ clock: createHandClock(), holder, offset: 0, fenced: () => undefined, giveUp: new AbortController().signal },
    leases: {
      append: () => {
        asked++;
        return Promise.reject(refusal);
      },
    },
  });
  const mebibyte = "x".repeat(1024 * 1024);
  await writer.output(1, mebibyte);
  for (let i = 0; i < 99; i++) expect(writer.output(1, mebibyte)).toBeUndefined();
  writer.fact({ kind: "log", level: "info", message: "not kept either" });
  const end = writer.end();
  await expect(end).rejects.toMatchObject({ name: "OutputLostError", bytes: 100 * 1024 * 1024, cause: refusal });
  expect(asked).toBe(1);
});

test("a step that prints nothing, such as a commit, is told when its time has come, not with what is printed next", async () => {
  const { writer, clock, parts, go } = stalledWriter();
  go();
  writer.intended(3);
  await clock.advance(60);
  expect(parts).toMatchObject([{ number: 1, facts: [], intendedStep: 3 }]);
  writer.confirmed(3);
  await clock.advance(60);
  expect(parts.slice(1)).toMatchObject([{ number: 2, facts: [], confirmedStep: 3 }]);
  expect(await writer.end()).toEqual({ facts: [], output: Buffer.alloc(0), parts: 2 });
});
