// Runs a test's own TypeScript in a process of its own: `node test/support/run-typescript.mjs test/x.ts …`. Files of `test/`
// lose their types on the way in, and what they import from `src/` is taken from `dist/`, as it was compiled. What the
// compiler made is kept: it takes longer to load than most processes of ours to start. Hooks of Node's loader could do the
// same, and would be asked about every module of ours and of others: that takes as long again as loading them.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = new URL("../../", import.meta.url).href;
const kept = new URL("node_modules/.cache/pointsman-tests/", root);
/** `from "./x.js"`, `import "./x.js"` and `import("./x.js")`. */
const relativeImport = /(\bfrom |\bimport ?\(?)"(\.{1,2}\/[^"]+)"/g;
const typesOnly = /^(?:import|export) type [^;]*;/gm;
const places = new Map();

/** Where a module is loaded from that the one at `from` imports as `specifier`. */
async function placeOf(specifier, from) {
  const { href } = new URL(specifier, from);
  if (href.startsWith(`${root}src/`)) return `${root}dist/${href.slice(`${root}src/`.length)}`;
  const source = href.replace(/\.js$/, ".ts");
  if (!source.endsWith(".ts") || !existsSync(fileURLToPath(source))) return href;
  if (!places.has(source)) places.set(source, compiled(source));
  return places.get(source);
}

async function compiled(source) {
  const text = readFileSync(new URL(source), "utf8");
  const imports = new Map();
  for (const [, , specifier] of text.replace(typesOnly, "").matchAll(relativeImport)) {
    imports.set(specifier, await placeOf(specifier, source));
  }
  const facts = JSON.stringify([source, text, ...imports.values()]);
  const place = new URL(`${createHash("sha256").update(facts).digest("hex")}.js`, kept);
  if (!existsSync(place)) await compile(text, source, imports, place);
  return place.href;
}

async function compile(text, source, imports, place) {
  const { default: ts } = await import("typescript");
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true };
  const { outputText } = ts.transpileModule(text, { compilerOptions, fileName: fileURLToPath(source) });
  const code = outputText
    .replace(relativeImport, (_, words, specifier) => words + JSON.stringify(imports.get(specifier)))
    .replaceAll("import.meta.url", JSON.stringify(source));
  mkdirSync(kept, { recursive: true });
  // Another process may be writing the same.
  const whole = new URL(`${place.href}.${process.pid}`);
  writeFileSync(whole, code);
  renameSync(whole, place);
}

// The program sees the command line as if it had been given to Node itself.
process.argv.splice(1, 2, resolve(process.argv[2]));
const program = pathToFileURL(process.argv[1]).href;
await import(await placeOf(program, program));
