import { describe, expect, test } from "vitest";
import { builtInPlatforms, createRedactor, isReadOnly, parsePlatform } from "../../src/device/index.js";
import { matchAnyPrompt } from "../../src/device/prompt.js";
import { shortestPath } from "../../src/device/modes.js";
import { platform } from "../support/device-engine.js";

describe.each([...builtInPlatforms().values()].map((one) => [one.name, one] as const))("platform %s", (_name, one) => {
  const { vectors } = one;

  test("tells prompts, their mode and the device's name from other lines", () => {
    for (const { text, mode, host } of vectors.prompts) {
      const found = matchAnyPrompt(one, text);
      expect({ text, mode: found?.mode ?? null }).toEqual({ text, mode });
      if (host !== undefined) expect(found?.host).toBe(host);
    }
    expect(vectors.prompts.length > 0).toBe(one.channel === "shell");
  });

  test("knows its rejections and nothing else", () => {
    for (const line of vectors.errors) expect(one.errors?.test(line), line).toBe(true);
    for (const line of vectors.notErrors) expect(one.errors?.test(line), line).toBe(false);
  });

  test("knows its questions and nothing else", () => {
    for (const line of vectors.questions) expect(one.questions?.test(line), line).toBe(true);
    for (const line of vectors.notQuestions) expect(one.questions?.test(line), line).toBe(false);
  });

  test("redacts its secrets and nothing else", () => {
    const redactor = createRedactor(one.secrets);
    expect(vectors.redact.length).toBeGreaterThan(0);
    for (const { in: before, out } of vectors.redact) expect(redactor.redact(before)).toBe(out);
  });

  test("takes only what certainly reads for reading", () => {
    for (const line of vectors.readOnly) expect(isReadOnly(one.readOnly, line), line).toBe(true);
    for (const line of vectors.notReadOnly) expect(isReadOnly(one.readOnly, line), line).toBe(false);
  });

  test("knows which commands rename the device", () => {
    for (const { command, host } of vectors.renames) {
      expect(one.rename?.exec(command)?.groups?.["host"] ?? null, command).toBe(host);
    }
  });
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
