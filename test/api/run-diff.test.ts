import { applyPatch } from "diff";
import { describe, expect, test } from "vitest";
import { unifiedDiff } from "../../src/api/runs/run-diff.js";

const lines = (count: number, text: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => `${text(i)}\n`).join("");

describe("a diff of two outputs", () => {
  test("is the shortest where little differs", () => {
    const [was, is] = [lines(9, String), lines(9, (i) => (i === 4 ? "four" : String(i)))];
    expect(unifiedDiff(was, is)).toContain("@@ -1,9 +1,9 @@\n 0\n 1\n 2\n 3\n-4\n+four\n 5\n 6\n 7\n 8\n");
  });

  test.each([
    ["between lines that are the same", lines(10, String), lines(10, String)],
    ["to both ends", "", ""],
  ])("is one piece where much does, %s, and found without looking at every pair of lines", (_, head, tail) => {
    const was = head + lines(50_000, (i) => `before ${i}`) + tail;
    const is = head + lines(50_000, (i) => `after ${i}`) + tail;
    const diff = unifiedDiff(was, is);
    expect(applyPatch(was, diff)).toBe(is);
    expect(diff.split("\n").filter((line) => line.startsWith("-before"))).toHaveLength(50_000);
  });

  test("is one piece out of nothing, and to nothing", () => {
    const much = lines(5_000, String);
    expect(applyPatch("", unifiedDiff("", much))).toBe(much);
    expect(applyPatch(much, unifiedDiff(much, ""))).toBe("");
  });
});
