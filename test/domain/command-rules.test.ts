import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { builtInPlatforms } from "../../src/device/index.js";
import {
  type CommandRule,
  createCommandGuard,
  explainDenial,
  type PlatformCommands,
  rulesFor,
} from "../../src/domain/command-rules.js";
import { parseCommandPattern } from "../../src/domain/command-words.js";

const platforms = [...builtInPlatforms().values()];
const ios = builtInPlatforms().get("cisco_ios")!.commands;
const plain: PlatformCommands = { ...ios, denied: [], harmless: [] };

function rule(part: Partial<CommandRule>): CommandRule {
  const about = { name: "r", owner: "ann", reason: "", createMs: 0, action: "DENY" as const };
  const whom = { scope: { zones: [], devices: [], labels: {} }, platforms: [], callers: [] };
  return { ...about, patterns: ["*"], except: [], ...whom, ...part };
}

/** Whether rules, and nothing else, deny a line on an IOS-like device. */
const denied = (line: string, ...rules: Partial<CommandRule>[]): boolean =>
  createCommandGuard(plain, rules.map(rule), [])(line) !== undefined;

describe("a pattern", () => {
  test.each([
    ["reload", "reload", true],
    ["reload", "rel", true],
    ["reload", "re", true],
    ["reload", "  RELO  in 5", true],
    ["reload", "reloading", false],
    ["reload", "show reload", false],
    ["rel(oad)", "rel", true],
    ["rel(oad)", "re", false],
    ["write erase", "wr er", true],
    ["write erase", "write", false],
    ["write erase", "write memory", false],
    ["configure terminal", "conf t", true],
    ["request system zeroize|halt", "req sys hal", true],
    ["request system zeroize|halt", "req sys reboot", false],
    ["hw-module * reload", "hw 3 rel", true],
    ["delete $", "delete", true],
    ["delete $", "delete x", false],
    ["*", "anything at all", true],
    ["add ** reboot", "add reboot", true],
    ["add ** reboot", "add a b c d e f reb now", true],
    ["add ** reboot", "add a b c", false],
    ["add ** reboot", "reboot", false],
    ["add ** unlink ** reboot", "add x unlink y reboot", true],
    ["add ** unlink ** reboot", "add x reboot y unlink", false],
    ["clear ** all $", "clear all all", true],
    ["clear ** all $", "clear all of it", false],
    ["clear ** $", "clear", true],
    ["** -f", "rm -rf x", true],
    ["reload", "rel\toad", true],
    ["reload", "r\teload", true],
    ["reload", "re?load", true],
    ["reload", "do rel", true],
    ["reload", "'reload'", true],
  ])("%j denies %j: %s", (pattern, line, expected) => {
    expect(denied(line, { patterns: [pattern] })).toBe(expected);
  });

  test.each([
    ["", "names no command"],
    ["   ", "names no command"],
    ["$", "names no command"],
    ["re(lo)ad", "is no word"],
    ["(reload)", "is no word"],
    ["re(load", "is no word"],
    ["x*(y)", "both a bracket and a *"],
    ["-r", "options without a command"],
    ["x**", "stands alone"],
    ["x|**", "stands alone"],
  ])("%j is refused: %s", (pattern, problem) => {
    expect(() => parseCommandPattern(pattern)).toThrow(problem);
  });
});

describe("rules", () => {
  test("deny everything except what is certain", () => {
    const onlyShow = { patterns: ["*"], except: ["sh(ow)", "ping"] };
    expect(denied("show version", onlyShow)).toBe(false);
    expect(denied("sh ver", onlyShow)).toBe(false);
    expect(denied("s", onlyShow)).toBe(true);
    expect(denied("pin 10.0.0.1", onlyShow)).toBe(true);
    expect(denied("clear counters", onlyShow)).toBe(true);
    expect(denied("do clear counters", onlyShow)).toBe(true);
  });

  const guard = (rules: Partial<CommandRule>[], lifted: string[] = []) =>
    createCommandGuard(ios, rules.map(rule), lifted);

  test("that allow lift the platform's list, for what is certain alone", () => {
    const allowed = guard([{ action: "ALLOW", patterns: ["rel(oad)"] }]);
    expect(allowed("reload")).toBeUndefined();
    expect(allowed("do rel in 5")).toBeUndefined();
    expect(allowed("re")).toMatchObject({ pattern: "reload", command: "re" });
    expect(allowed("erase startup-config")).toMatchObject({ pattern: "erase" });
  });

  test("tell no more of a line than they name word by word", () => {
    const denies = guard([{ patterns: ["copy ** startup-config"] }]);
    expect(denies("copy https://me:s3cret@h/x start")).toMatchObject({ command: "copy" });
  });

  test("that deny stand above those that allow, and above what a job lifts", () => {
    const both = guard(
      [
        { action: "ALLOW", patterns: ["reload"] },
        { name: "never", patterns: ["reload"] },
      ],
      ["reload"],
    );
    expect(both("reload")).toMatchObject({ rule: "never" });
  });

  test("a job lifts by name, and nothing beside", () => {
    const lifted = guard([], ["reload"]);
    expect(lifted("reload")).toBeUndefined();
    expect(lifted("rel")).toBeUndefined();
    expect(lifted("write erase")).toMatchObject({ pattern: "write erase" });
  });

  test("hold for a platform, a caller and devices by zone, name and label", () => {
    const work = { caller: "ann", platform: "cisco_ios", zone: "z", device: "r1", labels: { site: "fra" } };
    const scope = { zones: [], devices: [], labels: {} };
    const holds = (part: Partial<CommandRule>, on = work): boolean => rulesFor([rule(part)], on).length > 0;
    expect(holds({})).toBe(true);
    expect(holds({ platforms: ["cisco_ios"], callers: ["ann"] })).toBe(true);
    expect(holds({ platforms: ["linux"] })).toBe(false);
    expect(holds({ callers: ["bob"] })).toBe(false);
    expect(holds({ scope: { ...scope, labels: { site: "fra" } } })).toBe(true);
    expect(holds({ scope: { ...scope, labels: { site: "ber" } } })).toBe(false);
    expect(holds({ scope: { ...scope, devices: ["r2"] } })).toBe(false);
    expect(holds({ scope: { ...scope, zones: ["y"] } })).toBe(false);
  });

  test("say what was met, but not what follows it: that may be a secret", () => {
    const denial = guard([{ name: "no-users", reason: "AAA only", patterns: ["username"] }])(
      "username x secret hunter2",
    );
    expect(explainDenial(denial!)).toContain("denied by the command rule no-users (AAA only)");
    expect(JSON.stringify(denial)).not.toContain("hunter2");
  });
});

/** The words of a pattern as a person may type them: each cut down somewhere, in any case, with any blanks between. */
function typed(pattern: string, abbreviates: boolean): fc.Arbitrary<string> {
  const words = pattern
    .split(/\s+/)
    .filter((word) => word !== "$")
    .map((word) => {
      const choices = word.split("|").map((choice) => {
        const [, head = "", tail] = /^([^()]*)(?:\(([^()]*)\))?$/.exec(choice) ?? [];
        const full = (head + (tail ?? "")).replaceAll("*", "x");
        const least = !abbreviates || /[*]|^-/.test(choice) ? full.length : tail === undefined ? 1 : head.length;
        return fc.integer({ min: least, max: full.length }).map((length) => full.slice(0, length));
      });
      return fc.tuple(fc.oneof(...choices), fc.boolean()).map(([text, upper]) => (upper ? text.toUpperCase() : text));
    });
  const blanks = fc.constantFrom(" ", "  ", "\t", " \t ");
  return fc
    .tuple(fc.tuple(...words), fc.array(blanks, { minLength: 8, maxLength: 8 }), blanks)
    .map(
      ([texts, between, before]) =>
        before + texts.map((text, at) => text + (at < texts.length - 1 ? between[at] : "")).join(""),
    );
}

describe.each(platforms.map((one) => [one.name, one.commands] as const))(
  "the denied commands of %s",
  (_name, commands) => {
    const guard = createCommandGuard(commands, [], []);
    // What is harmless is a longer form of what is denied, typed out.
    const strict = createCommandGuard({ ...commands, harmless: [] }, [], []);

    test.each(commands.denied.map(({ text }) => text))("%s: none of its abbreviations passes", (text) => {
      fc.assert(
        fc.property(typed(text, commands.abbreviates), (line) => {
          expect([line, guard(line) !== undefined]).toEqual([line, true]);
        }),
      );
    });

    test("none passes behind what leads to another command, or behind another command", () => {
      const [first] = commands.denied;
      if (!first) throw new Error("no command is denied");
      const line = first.words
        .map(([word]) => word?.full.replaceAll("*", "x"))
        .concat(first.options)
        .join(" ");
      const filled = (leader: string): string => leader.replaceAll("*", "x").replace(/[()]/g, "").split("|")[0] ?? "";
      for (const { text } of commands.leaders) expect(strict(`${filled(text)} ${line}`)).toBeDefined();
      for (const { text } of commands.wrappers) expect(strict(`${filled(text)} -x y ${line}`)).toBeDefined();
      for (const separator of commands.separators) expect(strict(`show x ${separator} ${line}`)).toBeDefined();
    });
  },
);
