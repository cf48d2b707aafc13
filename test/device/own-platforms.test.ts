import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { builtInPlatforms, installedPlatforms } from "../../src/device/index.js";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "pointsman-platforms-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const shell = (name: string, more = ""): string =>
  `name: ${name}\ndescription: Ours\nchannel: shell\nprompts: { exec: '^(?<host>\\w+)>$' }\n${more}`;

test("a folder adds platforms and replaces ours, and each says where it comes from", async () => {
  await writeFile(join(folder, "lab.yaml"), shell("lab_box"));
  await writeFile(join(folder, "ios.yml"), shell("cisco_ios"));
  await writeFile(join(folder, "README.md"), "no definition");
  const platforms = installedPlatforms(folder, 7);
  expect([...platforms.keys()].sort()).toEqual([...builtInPlatforms().keys(), "lab_box"].sort());
  expect(platforms.get("lab_box")?.origin).toEqual({ file: "lab.yaml", overridesBuiltIn: false, loadedAt: 7 });
  expect(platforms.get("cisco_ios")?.origin).toEqual({ file: "ios.yml", overridesBuiltIn: true, loadedAt: 7 });
  expect(platforms.get("cisco_ios")?.modes.map((mode) => mode.name)).toEqual(["exec"]);
  expect(platforms.get("linux")?.origin.file).toBeUndefined();
  expect(builtInPlatforms().get("cisco_ios")?.description).not.toBe("Ours");
});

test.each([
  ["a field that is not known", { "a.yaml": shell("lab", "colour: red\n") }, "a.yaml: colour: unknown field"],
  ["what is no YAML", { "a.yaml": "name: [" }, "a.yaml: "],
  ["a name taken twice", { "a.yaml": shell("lab"), "b.yaml": shell("lab") }, "b.yaml: name: lab is defined twice"],
  [
    "a prompt that its own tests do not find",
    { "a.yaml": shell("lab", "tests: { prompts: [{ text: 'lab#', mode: exec }] }\n") },
    'a.yaml: tests.prompts[0]: "lab#" is taken for no prompt',
  ],
  [
    "an error that its own tests deny",
    { "a.yaml": shell("lab", "errors: ['^%']\ntests: { not_errors: ['% ok'] }\n") },
    'a.yaml: tests.not_errors[0]: "% ok" matches',
  ],
])("%s is named, with its file and field", async (_, files, message) => {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  expect(() => installedPlatforms(folder, 0)).toThrow(message);
});

test.each([
  [
    "a group of a name that it lacks",
    "prompts: { exec: '^\\(?<host>\\w+>$' }",
    "prompts.exec: needs a group named host",
  ],
  ["a prompt that any line holds", "prompts: { exec: '(?<host>)' }", "prompts.exec: matches an empty line"],
  ["a pager that any line is", "pager: [{ match: '', send: ' ' }]", "pager[0].match: matches an empty line"],
  ["no session at all", "limits: { max_sessions: 0 }", "limits.max_sessions: expected a whole number of at least 1"],
  ["a loop whose rounds may be empty", "errors: ['^(?:a?){30}b']", "errors[0]: a repetition inside a repetition"],
  [
    "a leader that ends nowhere in particular",
    "commands: { leaders: ['do ** then'] }",
    "commands.leaders[0]: ** cannot say where the next command begins",
  ],
  [
    "a timer that cannot be",
    "configure: { evidence: documents, base: exec, mode: exec, enter: { send: a }, leave: { send: b }, running: { send: c }," +
      " confirmed: { evidence: documents, session: new, enter: { send: a }, confirm: { send: d }, min_seconds: 9, max_seconds: 8 } }",
    "configure.confirmed.max_seconds: expected a whole number of at least 9",
  ],
])("%s is named", async (_, field, message) => {
  const [name = ""] = field.split(":");
  const others = shell("lab")
    .split("\n")
    .filter((line) => !line.startsWith(`${name}:`))
    .join("\n");
  await writeFile(join(folder, "a.yaml"), `${others}\n${field}\n`);
  expect(() => installedPlatforms(folder, 0)).toThrow(`a.yaml: ${message}`);
});

test("patterns of one list may call their groups alike", async () => {
  const list = "['^%(?<what>a)\\(?<x>', '^!(?<what>b)[(?<y>]', '(?<=c)d(?<!e)']";
  await writeFile(join(folder, "a.yaml"), shell("lab", `errors: ${list}\n`));
  const errors = installedPlatforms(folder, 0).get("lab")?.errors;
  for (const line of ["%a<x>", "%a(<x>", "!b?", "!b<", "cd"]) expect([line, errors?.test(line)]).toEqual([line, true]);
  for (const line of ["%b", "!b", "d"]) expect([line, errors?.test(line)]).toEqual([line, false]);
});

test("a definition that cannot be read is named, and what is no folder", async () => {
  await mkdir(join(folder, "a.yaml"));
  expect(() => installedPlatforms(folder, 0)).toThrow("a.yaml: cannot be read: EISDIR");
  await writeFile(join(folder, "file"), "");
  expect(() => installedPlatforms(join(folder, "file"), 0)).toThrow("platforms_dir: there is no folder");
});

test("a folder that is not there is an error, not an empty folder", () => {
  expect(() => installedPlatforms(join(folder, "nowhere"), 0)).toThrow("platforms_dir: there is no folder");
});

test("a definition takes over what it does not say from the one it extends, also from the one it replaces", async () => {
  await writeFile(
    join(folder, "a.yaml"),
    "name: cisco_ios\nextends: cisco_ios\nread_only: { commands: [more] }\ntests: {}\n",
  );
  await writeFile(join(folder, "b.yaml"), "name: lab_ios\nextends: cisco_ios\ndescription: Lab\ntests: {}\n");
  const platforms = installedPlatforms(folder, 0);
  expect(platforms.get("cisco_ios")?.readOnly.commands).toEqual(["more"]);
  expect(platforms.get("cisco_ios")?.modes).toHaveLength(4);
  expect(platforms.get("lab_ios")).toMatchObject({ description: "Lab", readOnly: { commands: ["more"] } });
});

test("definitions that extend each other in a circle are refused", async () => {
  await writeFile(join(folder, "a.yaml"), "name: a\nextends: b\n");
  await writeFile(join(folder, "b.yaml"), "name: b\nextends: a\n");
  expect(() => installedPlatforms(folder, 0)).toThrow("a.yaml: extends");
});
