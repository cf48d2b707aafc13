import { describe, expect, test } from "vitest";
import { builtInPlatforms, isReadOnly, parsePlatform } from "../../src/device/index.js";
import { brokenVectors } from "../../src/device/platform-vectors.js";
import { shortestPath } from "../../src/device/modes.js";
import { platform } from "../support/device-engine.js";

describe.each([...builtInPlatforms()])("platform %s", (file, one) => {
  const { vectors } = one;

  test("has the name of its file", () => {
    expect(one.name).toBe(file);
  });

  test("holds to its own vectors: prompts and their modes, rejections, questions, secrets, what only reads, names", () => {
    expect(brokenVectors(one)).toEqual([]);
  });

  test("has vectors of each kind, for and against", () => {
    expect(vectors.redact.length).toBeGreaterThan(0);
    expect(vectors.notReadOnly.length).toBeGreaterThan(0);
    expect(vectors.redact.some(({ in: before, out }) => before === out)).toBe(true);
    if (one.channel === "exec") return;
    for (const { name } of one.modes) expect(vectors.prompts.map(({ mode }) => mode)).toContain(name);
    expect(vectors.prompts.map(({ mode }) => mode)).toContain(null);
    expect([vectors.errors, vectors.notErrors].map(({ length }) => length > 0)).toEqual([true, true]);
    if (one.questions) expect(vectors.questions.length).toBeGreaterThan(0);
    if (one.rename) expect(vectors.renames.length).toBeGreaterThan(0);
  });

  test("asks for its serial numbers by what only reads, and has proof of how it tells them", () => {
    const { serial } = one.identity;
    if (!serial) return;
    expect(vectors.serials.some(({ serials }) => serials.length > 0)).toBe(true);
    if (one.readOnly.commands.length > 0)
      expect([serial.send, isReadOnly(one.readOnly, serial.send)]).toEqual([serial.send, true]);
  });

  test("leads back from every mode to where work starts, where modes are changed by lines", () => {
    if (one.transitions.length === 0) return;
    const home = one.home ?? one.configuration?.base ?? one.modes[0]?.name ?? "";
    for (const { name } of one.modes) expect([name, shortestPath(one, name, home)]).not.toEqual([name, undefined]);
  });
});

test("a vector that a definition does not hold to is found, of every kind", () => {
  const broken = brokenVectors(
    parsePlatform(`
name: x
description: X
channel: shell
prompts: { exec: '^(?<host>\\w+)>$', enable: '^(?<host>\\w+)#$' }
prompts_below: { enable: '^\\[' }
errors: ["^%"]
questions: ['\\?$']
rename: '^hostname (?<host>\\w+)$'
read_only: { commands: [show] }
secrets: ["^password (?<secret>.+)"]
tests:
  prompts: [{ text: r1, mode: exec }, { text: "r1>", mode: exec, host: r2 }, { text: "[x]\\nr1#", mode: enable }, { text: "x\\nr1#", mode: enable }]
  errors: [fine]
  not_errors: ["% bad"]
  questions: [no]
  not_questions: ["yes?"]
  redact: [{ in: password x, out: password x }]
  read_only: [reload]
  not_read_only: [show version]
  renames: [{ command: hostname r1, host: null }]
`),
  );
  expect(broken.map(({ field }) => field)).toEqual(
    ["prompts[0]", "prompts[1]", "prompts[3]", "errors[0]", "not_errors[0]", "questions[0]", "not_questions[0]"]
      .concat(["redact[0]", "read_only[0]", "not_read_only[0]", "renames[0]"])
      .map((field) => `tests.${field}`),
  );
});

describe("read-only lines", () => {
  const rules = platform("cisco_ios").readOnly;

  test.each([
    "show version\nreload",
    "show version\rreload",
    "show\tversion",
    "show version\u0003",
    "show version & reload",
    "show `reload`",
    "show $(reload)",
    "show version | include x | append flash:x",
    "show version | include x|append flash:x",
    "show version |",
    "| include x",
    "sho ver|tee flash:x",
  ])("%j is not one", (line) => expect(isReadOnly(rules, line)).toBe(false));

  test.each(["SHOW VERSION", "sh run | i a|b|c", "sho run | exc ^!$ | count x"])("%j is one", (line) =>
    expect(isReadOnly(rules, line)).toBe(true),
  );

  test("operators extend the list", () => {
    const linux = platform("linux").readOnly;
    expect(isReadOnly(linux, "uname -a")).toBe(false);
    expect(isReadOnly(linux, "uname -a", ["uname -a"])).toBe(true);
    expect(isReadOnly(linux, "uname -r", ["uname -a"])).toBe(false);
    expect(isReadOnly(linux, "uname -a; reboot", ["uname -a"])).toBe(false);
    expect(isReadOnly(linux, "uname -a > /etc/passwd", ["uname -a"])).toBe(false);
    expect(isReadOnly(linux, "uname -a | sh", ["uname -a"])).toBe(false);
  });
});

describe("a definition that does not hold", () => {
  const valid =
    "name: x\ndescription: X\nchannel: shell\nprompts: { exec: '^(?<host>\\w+)>$', enable: '^(?<host>\\w+)#$' }\n";

  test("is taken when it holds", () =>
    expect(parsePlatform(valid).modes.map((mode) => mode.name)).toEqual(["exec", "enable"]));

  test.each([
    ["name: X Y\ndescription: X\nchannel: exec\n", "name"],
    ["name: x\nchannel: exec\n", "description"],
    ["name: x\ndescription: X\nchannel: telnet\n", "channel"],
    ["name: x\ndescription: X\nchannel: shell\n", "prompts"],
    ["name: x\ndescription: X\nchannel: shell\nprompts: { exec: '>$' }\n", "prompts.exec"],
    ["name: x\ndescription: X\nchannel: shell\nprompts: { exec: '(?<host>x' }\n", "prompts.exec"],
    [`${valid}transitions: { exec>config: { send: c } }\n`, "transitions.exec>config"],
    [`${valid}transitions: { exec>enable: { ask: [] } }\n`, "transitions.exec>enable.send"],
    [
      `${valid}transitions: { exec>enable: { send: e, ask: [{ match: x, secret: root }] } }\n`,
      "transitions.exec>enable.ask[0].secret",
    ],
    [`${valid}transitions: { exec>enable: { send: e, ask: [{ match: x }] } }\n`, "transitions.exec>enable.ask[0]"],
    [`${valid}errors: ['a', '(']\n`, "errors[1]"],
    [`${valid}errors: ['^(a+)+$']\n`, "errors[0]"],
    [`${valid}secrets: ['password (.*)']\n`, "secrets[0]"],
    [`${valid}prompt: x\n`, "prompt"],
    [`${valid}extends: nothing\n`, "extends"],
    [`${valid}prompts_below: { config: x }\n`, "prompts_below.config"],
    [`${valid}home: config\n`, "home"],
    [`${valid}newline: "\\t"\n`, "newline"],
    [`${valid}repaints: 1\n`, "repaints"],
    [`${valid}limits: { max_sessions: -1 }\n`, "limits.max_sessions"],
    [`${valid}tests: { prompts: [{ text: x, mode: config }] }\n`, "tests.prompts[0].mode"],
  ])("%j names the field", (yaml, field) => {
    expect(() => parsePlatform(yaml, "x.yaml")).toThrowError(expect.objectContaining({ field: `x.yaml: ${field}` }));
  });
});

test("modes are reached by a shortest path", () => {
  const ios = platform("cisco_ios");
  expect(shortestPath(ios, "exec", "config")?.map((edge) => edge.send)).toEqual(["enable", "configure terminal"]);
  expect(shortestPath(ios, "config", "exec")?.map((edge) => edge.send)).toEqual(["end", "disable"]);
  expect(shortestPath(ios, "enable", "enable")).toEqual([]);
  expect(shortestPath(ios, "exec", "bash")).toBeUndefined();
});
