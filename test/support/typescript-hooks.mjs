// What makes Node run a test's own TypeScript: files of `test/` lose their types on the way in, and what they import
// from `src/` is taken from `dist/`, as it was compiled. The compiler takes longer to load than most processes of ours
// to start, so what it made is kept.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url).href;
const kept = new URL("node_modules/.cache/pointsman-tests/", root);

export function resolve(specifier, context, next) {
  if (!/^\.{0,2}\//.test(specifier) || context.parentURL === undefined) return next(specifier, context);
  const { href } = new URL(specifier, context.parentURL);
  if (href.startsWith(`${root}src/`)) return next(`${root}dist/${href.slice(root.length + "src/".length)}`, context);
  const source = href.replace(/\.js$/, ".ts");
  return next(existsSync(fileURLToPath(source)) ? source : specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith(root) || !url.endsWith(".ts")) return next(url, context);
  const text = readFileSync(new URL(url), "utf8");
  const place = new URL(`${createHash("sha256").update(text).digest("hex")}.js`, kept);
  const source = existsSync(place) ? readFileSync(place, "utf8") : await compile(text, fileURLToPath(url), place);
  return { format: "module", shortCircuit: true, source };
}

async function compile(text, fileName, place) {
  const { default: ts } = await import("typescript");
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true };
  const { outputText } = ts.transpileModule(text, { compilerOptions, fileName });
  mkdirSync(kept, { recursive: true });
  // Another process may be writing the same.
  const whole = new URL(`${place.href}.${process.pid}`);
  writeFileSync(whole, outputText);
  renameSync(whole, place);
  return outputText;
}
