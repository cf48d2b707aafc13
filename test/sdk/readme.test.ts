import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

it("shows only examples that compile", { timeout: 300_000 }, () => {
  const readme = readFileSync(`${root}sdk/README.md`, "utf8");
  const examples = [...readme.matchAll(/```ts\n([\s\S]+?)```/g)].map(([, code]) => code ?? "");
  expect(examples.length).toBeGreaterThanOrEqual(5);
  const files = new Map(examples.map((code, index) => [`${root}test/sdk/readme-example-${index + 1}.ts`, code]));
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
