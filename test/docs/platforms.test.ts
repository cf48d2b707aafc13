import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { builtInPlatforms, installedPlatforms, parsePlatform } from "../../src/device/index.js";

const text = readFileSync("docs/platforms.md", "utf8");

/** The first cells of the tables under a heading, without their ticks; a cell may name several. */
function fields(heading: string): string[] {
  const section = text.split(/^#+ /m).find((part) => part.startsWith(heading)) ?? "";
  const cells = [...section.matchAll(/^\| (`[^|]+?) +\|/gm)].map(([, cell]) => cell ?? "");
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ""));
}

describe("the page on platforms", () => {
  test("names every platform that comes with Pointsman, and no other", () => {
    expect(fields("Platforms").sort()).toEqual([...builtInPlatforms().keys()].sort());
  });

  test("names every field that a definition can have, and no other", () => {
    const used = new Set<string>();
    const configured = new Set<string>();
    for (const file of readdirSync("src/device/platforms")) {
      const document = parse(readFileSync(`src/device/platforms/${file}`, "utf8")) as Record<string, object>;
      for (const name of Object.keys(document)) used.add(name);
      for (const name of Object.keys(document["configure"] ?? {})) configured.add(name);
    }
    expect(fields("The fields")).toEqual(expect.arrayContaining([...used]));
    expect(fields("`configure`")).toEqual(expect.arrayContaining([...configured]));
    const problem = (yaml: string): string => {
      try {
        parsePlatform(yaml);
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    };
    for (const name of fields("The fields")) expect(problem(`${name}: [{}]`)).not.toContain(`${name}: unknown field`);
    expect(problem("colour: red")).toContain("colour: unknown field");
    const shell = "name: x\ndescription: x\nchannel: shell\nprompts: { a: '^(?<host>x)$' }\nconfigure:";
    for (const name of fields("`configure`")) {
      expect(problem(`${shell} { ${name}: [{}] }`)).not.toContain("unknown field");
    }
    expect(problem(`${shell} { colour: red }`)).toContain("configure.colour: unknown field");
  });

  test("shows a definition that holds", async () => {
    const [, yaml = ""] = /```yaml\n([^]*?)```/.exec(text) ?? [];
    const folder = await mkdtemp(join(tmpdir(), "pointsman-docs-"));
    try {
      await writeFile(join(folder, "our-ios.yaml"), yaml);
      const own = installedPlatforms(folder, 0).get("cisco_ios");
      expect(own?.readOnly.commands).toContain("verify");
      expect(own?.modes).toEqual(builtInPlatforms().get("cisco_ios")?.modes);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
