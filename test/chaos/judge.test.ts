import { Effect, JobState } from "@pointsman/sdk/v1";
import { describe, expect, test } from "vitest";
import type { JournalEntry } from "../../src/dev/simulator/journal.js";
import { configurationOf, readOf } from "./fleet.js";
import { judge } from "./judge.js";
import type { Entry } from "./ledger.js";
import { planFaults } from "./plan.js";
import { createReader } from "./received.js";

function entry(key: string, part: Partial<Entry> = {}): Entry {
  return {
    ...{ key, kind: "configure", device: "r0", platform: "cisco_ios", sentAtLoss: 0, ids: [`id-${key}`] },
    ...{ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, intendedStep: 3, confirmedStep: 3 },
    ...{ resolved: false, succeeded: false, problems: [], ...part },
  };
}

function journal(...lines: readonly (readonly [session: string, line: string])[]): ReturnType<typeof createReader> {
  const reader = createReader();
  for (const [session, line] of lines) {
    const device = session.split("#")[0] ?? "";
    const known: JournalEntry = { time: 0, device, session, kind: "command", mode: "config", line };
    reader.take(known);
  }
  return reader;
}

const typed = (session: string, key: string, ...steps: readonly number[]) =>
  steps.map((step) => [session, configurationOf(key)[step - 1] ?? ""] as const);
const broken = (...given: Parameters<typeof judge>): string[] => judge(...given).map((one) => one.broken);

describe("the judge of a chaos run", () => {
  test("finds nothing where each line came once, in order, and every job says so", () => {
    const received = journal(...typed("r0#1", "j1", 1, 2, 3), ...typed("r0#2", "j2", 1), ["r0#2", readOf("j3")]);
    const partial = { state: JobState.FAILED, effect: Effect.PARTIAL, intendedStep: 1, confirmedStep: 1 };
    expect(judge([entry("j1"), entry("j2", partial), entry("j3", { kind: "read" })], received)).toEqual([]);
  });

  test.each([
    ["a line twice in one session", typed("r0#1", "j1", 1, 2, 2, 3), {}, ["TWICE", "FALSE_SUCCESS"]],
    [
      "all lines twice, in two sessions",
      [...typed("r0#1", "j1", 1, 2, 3), ...typed("r0#2", "j1", 1, 2, 3)],
      {},
      ["TWICE", "FALSE_SUCCESS"],
    ],
    ["success without the last line", typed("r0#1", "j1", 1, 2), {}, ["FALSE_SUCCESS"]],
    ["success in the wrong order", typed("r0#1", "j1", 2, 1, 3), {}, ["FALSE_SUCCESS"]],
    [
      "success that was seen, and in doubt since",
      [],
      { state: JobState.INDETERMINATE, succeeded: true },
      ["FALSE_SUCCESS"],
    ],
    ["cancelled after a line", typed("r0#1", "j1", 1), { state: JobState.CANCELLED }, ["FALSE_END"]],
    ["no effect, and a line", typed("r0#1", "j1", 1), { state: JobState.FAILED, effect: Effect.NONE }, ["FALSE_END"]],
    [
      "fewer lines than confirmed",
      typed("r0#1", "j1", 1),
      { state: JobState.FAILED, effect: Effect.PARTIAL, confirmedStep: 2 },
      ["FALSE_END"],
    ],
    ["in doubt without an intent", [], { state: JobState.INDETERMINATE, intendedStep: 0 }, ["FALSE_END"]],
    [
      "a line after its doubt was resolved",
      typed("r0#1", "j1", 1, 2),
      { state: JobState.INDETERMINATE, linesAtResolution: 1 },
      ["AFTER_RESOLUTION"],
    ],
    ["never ended", [], { state: JobState.RUNNING }, ["LOST"]],
    ["a read that nobody made", [], { kind: "read" }, ["FALSE_SUCCESS"]],
  ] as const)("%s", (_what, lines, part, found) => {
    expect(broken([entry("j1", part)], journal(...lines))).toEqual(found);
  });

  test("lines of two jobs between each other, on one device", () => {
    const mixed = [
      ...typed("r0#1", "j1", 1),
      ...typed("r0#2", "j2", 1),
      ...typed("r0#1", "j1", 2, 3),
      ...typed("r0#2", "j2", 2, 3),
    ];
    expect(broken([entry("j1"), entry("j2")], journal(...mixed))).toEqual(["INTERLEAVED", "INTERLEAVED"]);
    const apart = mixed.map(([session, line]) => [session.startsWith("r0#2") ? "r1#2" : session, line] as const);
    expect(broken([entry("j1"), entry("j2")], journal(...apart))).toEqual([]);
  });

  test("a candidate takes effect with its commit: one that was dropped counts for nothing, one committed twice does", () => {
    const begun = (session: string) =>
      [[session, "configure session pm-x-1"], ...typed(session, "j1", 1, 2, 3)] as const;
    const done = [...begun("r3#2"), ["r3#2", "commit"]] as const;
    expect(broken([entry("j1")], journal(...begun("r3#1"), ...done))).toEqual([]);
    expect(broken([entry("j1")], journal(...begun("r3#1"), ["r3#1", "commit"], ...done))).toContain("TWICE");
  });
});

test("the seed alone decides what strikes when; another one decides otherwise", () => {
  expect(planFaults("7", 60_000)).toEqual(planFaults("7", 60_000));
  expect(planFaults("8", 60_000)).not.toEqual(planFaults("7", 60_000));
  const kinds = planFaults("7", 60_000).map(({ fault }) => fault.kind);
  expect(kinds.filter((kind) => kind === "kill-worker").length).toBeGreaterThanOrEqual(20);
  expect(kinds.filter((kind) => kind === "roll-back").length).toBeGreaterThanOrEqual(3);
});
