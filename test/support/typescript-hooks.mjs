// What makes Node run a test's own TypeScript: files of `test/` lose their types on the way in, and what they import
// from `src/` is taken from `dist/`, as it was compiled.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = new URL("../../", import.meta.url).href;

export function resolve(specifier, context, next) {
  if (!/^\.{0,2}\//.test(specifier) || context.parentURL === undefined) return next(specifier, context);
  const { href } = new URL(specifier, context.parentURL);
  if (href.startsWith(`${root}src/`)) return next(`${root}dist/${href.slice(root.length + "src/".length)}`, context);
  const source = href.replace(/\.js$/, ".ts");
  return next(existsSync(fileURLToPath(source)) ? source : specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith(root) || !url.endsWith(".ts")) return next(url, context);
  const text = await readFile(new URL(url), "utf8");
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true };
  const { outputText } = ts.transpileModule(text, { compilerOptions, fileName: fileURLToPath(url) });
  return { format: "module", shortCircuit: true, source: outputText };
}
