import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Those of tasks have a test of their own. */
const pages = [
  ...["README.md", "sdk/README.md"],
  ...readdirSync(`${root}docs`).flatMap((name) =>
    name.endsWith(".md") && name !== "tasks.md" ? [`docs/${name}`] : [],
  ),
];

it("every example in TypeScript compiles as it stands", { timeout: 300_000 }, () => {
  const examples = pages.flatMap((page) =>
    [...readFileSync(`${root}${page}`, "utf8").matchAll(/```ts\n([\s\S]+?)```/g)].map(
      ([, code = ""], index) => [`${root}test/docs/${page.replaceAll(/\W/g, "-")}-${index + 1}.ts`, code] as const,
    ),
  );
  expect(examples.length).toBeGreaterThanOrEqual(12);
  const files = new Map<string, string>(examples);
  const options: ts.CompilerOptions = {
    ...ts.convertCompilerOptionsFromJson(
      (ts.readConfigFile(`${root}tsconfig.base.json`, ts.sys.readFile).config as { compilerOptions: object })
        .compilerOptions,
      root,
    ).options,
    noEmit: true,
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
    noUnusedLocals: false,
    customConditions: ["pointsman-source"],
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  const program = ts.createProgram([...files.keys()], options, host);
  const faults = ts
    .getPreEmitDiagnostics(program)
    .map((fault) => `${fault.file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(fault.messageText, "\n")}`);
  expect(faults).toEqual([]);
});
