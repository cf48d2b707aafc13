import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitWords, WordsError } from "../../src/domain/split-words.js";

/** What the machine's own shell divides a line into. */
function byShell(line: string): readonly string[] {
  const printed = execFileSync("/bin/sh", ["-c", `set -f; printf '%s\\0' ${line}`], { encoding: "utf8" });
  return printed.split("\0").slice(0, -1);
}

describe("a line divided into words", () => {
  test.each([
    ["echo hello world", ["echo", "hello", "world"]],
    ["  a\t b ", ["a", "b"]],
    [`a 'b "c' d`, ["a", 'b "c', "d"]],
    [`a "b 'c" ''`, ["a", "b 'c", ""]],
    [String.raw`a\ b "\"\\\n"`, ["a b", String.raw`"\\n`]],
    ["echo $HOME `id` ; rm | x && y > z *", ["echo", "$HOME", "`id`", ";", "rm", "|", "x", "&&", "y", ">", "z", "*"]],
  ])("%s", (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  test.each(["", "  ", "'open", '"open', "end\\"])("%j is none", (line) => {
    expect(() => splitWords(line)).toThrow(WordsError);
  });

  test("is what a POSIX shell makes of it, where nothing would be expanded", () => {
    const piece = fc.constantFrom("a", "b c", "'", '"', "\\", " ", "\t", "é", "=", "-x", '\\"', "\\'", "''", '""');
    const lines = fc.array(piece, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(lines, (line) => {
        let words: readonly string[];
        try {
          words = splitWords(line);
        } catch (error) {
          expect(error).toBeInstanceOf(WordsError);
          return;
        }
        expect(words).toEqual(byShell(line));
      }),
      { numRuns: 150 },
    );
  });

  test("gives back whatever words were quoted", () => {
    const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (words) => {
        expect(splitWords(words.map(quoted).join(" "))).toEqual(words);
      }),
    );
  });
});
