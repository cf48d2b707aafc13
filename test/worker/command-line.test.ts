import { expect, test } from "vitest";
import { hasRun, rejection } from "../../src/worker/command-line.js";

const outcome = { errorLines: [], durationMs: 1, truncated: false } as const;

test.each([
  [{ status: "ok" }, true, undefined],
  [{ status: "rejected" }, false, 'the device rejected "x"'],
  [{ status: "rejected", exitStatus: 1 }, true, '"x" ended with 1'],
  [{ status: "rejected", signal: "SIGKILL" }, true, '"x" was killed by SIGKILL'],
] as const)("what %j says of a line", (end, ran, words) => {
  expect(hasRun({ ...outcome, ...end })).toBe(ran);
  if (words !== undefined) expect(rejection("x", { ...outcome, ...end }).message).toBe(words);
});
