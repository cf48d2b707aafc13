import { describe, expect, test } from "vitest";
import { patternProblem } from "../../src/device/pattern-cost.js";

const forEver = "a repetition inside a repetition can take for ever";
const veryLong = "two repetitions of the same text can take very long on long lines";

describe("patterns that can take without measure are found", () => {
  test.each([
    ["(a+)+$", forEver],
    ["^(a*)*$", forEver],
    ["^(?:a|a)*$", forEver],
    ["^(?:a|aa)+$", forEver],
    ["^(?:a|ab|b)*c$", forEver],
    ["^(?:\\w+\\s?)+$", forEver],
    ["^(?:[a-z]+|\\d)*!$", forEver],
    ["^(?:.*,)*x$", forEver],
    ["^(?:x{1,64}){1,64}y$", forEver],
    ["^(?:a*b?)*$", forEver],
    ["^(?:a?){30}b", forEver],
    ["^(?:a{1,3})+b$", forEver],
    ["^(?:a{1,2}b?)*c", forEver],
    ["^(?:a{0,3}){0,30}b", forEver],
    ["^(?:a|){4,}b", forEver],
    ["^(?<host>([\\w.-]+\\.?)+)#$", forEver],
    ["^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+$", forEver],
    ["^(?!(?:a+)+b)x", forEver],
    ["^\\s*\\s*x", veryLong],
    ["^.*.*x$", veryLong],
    ["^a.*b.*c", veryLong],
    ["\\s+$", veryLong],
    ["\\s*:?\\s*$", veryLong],
    ["^\\d+\\d+x", veryLong],
    ["^(?:\\w+ )?\\w*\\d+:", veryLong],
    ["^(a)\\1$", "a reference back to a group"],
  ])("%s", (source, problem) => expect(patternProblem(source)).toBe(problem));
});

describe("patterns whose time stays in proportion are not", () => {
  test.each([
    "^(?<host>[\\w.\\-@\\/:+]{1,63})\\((?!tcl\\))[\\w.\\-@\\/:+ ]{1,64}\\)#\\s?$",
    "^(?:a|b)*c$",
    "^(?:a?){0,30}b",
    "^(?:a?){3}b",
    "^(?:ab|cd)+$",
    "^(?:\\d{1,3}\\.)+$",
    "^(?:\\d{2}:){1,8}\\d{2}$",
    "^(?:(?:ab{0,2}){1,3};)*$",
    "^(?:\\w+,)*$",
    "^(?:[^()]|\\([^)]*\\))*$",
    "^\\s*\\S+\\s*$",
    "^% ?\\S.* (?:overlaps with|not found)",
    "^\\s*username \\S+ .*?(?:secret|password)(?: \\d+)? (?<secret>\\S+)",
    "^a.*b.*",
    "\\[confirm\\]\\s*$",
    "---- More ----\\s*$",
    "%[A-Z][A-Z0-9_]*-(?:[A-Z0-9_]+-)?[0-7]-[A-Z0-9_]+: ",
    "^\\x1b\\[[0-9;]*[mK]$",
    "^[\\w.]{1,64}[\\w.]{1,64}$",
    "^(?:\\d{1,3}\\.){3}\\d{1,3}$",
    "",
  ])("%s", (source) => expect(patternProblem(source)).toBeUndefined());
});

test("what is found does take without measure, and what is not does not", () => {
  const text = (length: number): string => `${"a".repeat(length)}!`;
  const steps = (source: string, length: number): number => {
    const pattern = new RegExp(source);
    const from = process.cpuUsage().user;
    pattern.test(text(length));
    return process.cpuUsage().user - from;
  };
  // 2^24 ways against a line a thousand times as long: orders of magnitude, whatever else the machine does.
  expect(patternProblem("^(a+)+$")).toBe(forEver);
  expect(patternProblem("^a+$")).toBeUndefined();
  expect(steps("^(a+)+$", 24)).toBeGreaterThan(steps("^a+$", 24_000));
});
