import { readdirSync, readFileSync } from "node:fs";
import { Command } from "commander";
import { expect, test } from "vitest";
import { registerCommands } from "../../src/commands/index.js";
import { registerProcesses } from "../../src/commands/server.js";
import { splitWords } from "../../src/domain/split-words.js";

const pagesUnder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((name) =>
    name.endsWith(".md") ? [`${folder}/${name}`] : [],
  );
const pages = ["README.md", "sdk/README.md", ...pagesUnder("docs"), ...pagesUnder("deploy")];

/** The whole command line, which does nothing but look at what it is given. */
function commandLine(): Command {
  const program = new Command("pointsman");
  registerProcesses(program);
  registerCommands(program);
  const still = (command: Command): void => {
    command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
    if (command.commands.length === 0) command.allowExcessArguments(false).action(() => undefined);
    for (const inner of command.commands) still(inner);
  };
  still(program);
  return program;
}

/** The command lines in the blocks of a page, without their prompt, remark, and file that is read. */
function linesOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```(?:sh|console|)\n([^]*?)^```/gm)].map(([, block = ""]) => block);
  return blocks
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, "").split("\n"))
    .flatMap((line) => /^(?:\$ )?(?:\w+=\S+ )*(?:kubectl .* -- )?pointsman (.+)$/.exec(line)?.[1] ?? [])
    .map((line) => line.replace(/\s+#.*$/, "").replace(/ < \S+$/, ""));
}

/** The commands that a page names in its text: what comes before options. */
function namedIn(text: string): string[][] {
  const named = text.replaceAll(/^```[^]*?^```/gm, "").matchAll(/`pointsman ([a-z][^`]*)`/g);
  return [...named].map(([, words = ""]) => words.replace(/ -.*$/s, "").split(/\s+/));
}

const texts = pages.map((page) => [page, readFileSync(page, "utf8")] as const);
const lines = texts.flatMap(([page, text]) => linesOf(text).map((line) => [page, line] as const));

test("there are many command lines in the documentation", () => {
  expect(lines.length).toBeGreaterThan(50);
});

test.each(lines)("%s: pointsman %s", async (_page, line) => {
  await commandLine().parseAsync([...splitWords(line)], { from: "user" });
});

test("every command that is named in a text is there", () => {
  const { commands } = commandLine();
  const missing = texts.flatMap(([page, text]) =>
    namedIn(text).flatMap(([first = "", second]) => {
      const command = commands.find((one) => one.name() === first || one.aliases().includes(first));
      const inner = command?.commands.map((one) => one.name()) ?? [];
      const fits = command && (inner.length === 0 || second === undefined || inner.includes(second));
      return fits ? [] : [`${page}: pointsman ${first} ${second ?? ""}`];
    }),
  );
  expect(missing).toEqual([]);
});
