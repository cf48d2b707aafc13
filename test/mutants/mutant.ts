import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));

/** A build from which one mechanism was taken, as a patch in this folder says. */
export interface Mutant {
  /** The patch file's name without its ending. */
  readonly name: string;
  /** The worlds, first and last, in one of which at least a promise must be broken without the mechanism. */
  readonly seeds: readonly [number, number] | undefined;
  /** Tests that must fail, as file and part of the name, on the part of the patch that changes `src/`. */
  readonly tests: readonly { readonly file: string; readonly name: string }[];
  readonly patch: string;
}

/** All patches of this folder. Above the patch itself each says `Seeds: first-last` or `Test: file | name`, or both. */
export function mutants(): Mutant[] {
  return readdirSync(here)
    .filter((file) => file.endsWith(".patch"))
    .sort()
    .map((file) => {
      const patch = readFileSync(join(here, file), "utf8");
      const head = patch.slice(0, patch.search(/^(diff|---) /m));
      return {
        name: file.replace(/\.patch$/, ""),
        seeds: seedsOf(head),
        tests: [...head.matchAll(/^Test: (\S+) \| (.+)$/gm)].map(([, file = "", name = ""]) => ({ file, name })),
        patch,
      };
    });
}

function seedsOf(head: string): Mutant["seeds"] {
  const [, first, last] = /^Seeds: (\d+)-(\d+)$/m.exec(head) ?? [];
  return first === undefined ? undefined : [Number(first), Number(last)];
}

/** A copy of the work tree with a mutant's patch in it. */
export interface MutantTree {
  readonly dir: string;
  /** Runs a program in it. Gives whether it ended well, and what it printed. */
  run(program: string, args: readonly string[]): Promise<{ readonly ok: boolean; readonly output: string }>;
  remove(): void;
}

/** Makes the copy. Rejects when the patch does not fit any more. */
export async function plant({ name, patch }: Mutant): Promise<MutantTree> {
  const dir = mkdtempSync(join(tmpdir(), `pm-mutant-${name}-`));
  const tree: MutantTree = {
    dir,
    run: (program, args) =>
      run(program, [...args], { cwd: dir, maxBuffer: 1e8 }).then(
        ({ stdout, stderr }) => ({ ok: true, output: stdout + stderr }),
        (error: unknown) => {
          const { stdout, stderr } = error as { stdout: string; stderr: string };
          return { ok: false, output: stdout + stderr };
        },
      ),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
  try {
    for (const part of ["src", "test", "dist", "package.json"]) {
      cpSync(join(root, part), join(dir, part), { recursive: true, filter: isLoaded });
    }
    // Types were checked where they belong; here they are only stripped.
    writeFileSync(join(dir, "test/tsconfig.json"), "{}");
    symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
    writeFileSync(join(dir, "mutant.patch"), patch);
    const applied = await tree.run("git", ["apply", "--verbose", "mutant.patch"]);
    if (!applied.ok) throw new Error(`${name}.patch does not fit any more: ${applied.output}`);
    for (const [, file = ""] of patch.matchAll(/^\+\+\+ b\/(src\/\S+)/gm)) compile(dir, file);
    return tree;
  } catch (error) {
    tree.remove();
    throw error;
  }
}

/** Whether processes load a file. Three quarters of what was compiled are for editors and debuggers. */
function isLoaded(file: string): boolean {
  return !/\.(?:map|d\.ts)$/.test(file);
}

/** Puts a changed source where processes load it from: types are stripped, anything else is taken as it is. */
function compile(dir: string, file: string): void {
  const compiled = join(dir, "dist", file.slice("src/".length).replace(/\.ts$/, ".js"));
  const text = readFileSync(join(dir, file), "utf8");
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true };
  mkdirSync(dirname(compiled), { recursive: true });
  writeFileSync(compiled, file.endsWith(".ts") ? ts.transpileModule(text, { compilerOptions }).outputText : text);
}

/** Lives through worlds in a mutant's tree. */
export function simulateIn(tree: MutantTree, args: readonly string[]) {
  const runner = join(tree.dir, "test/support/run-typescript.mjs");
  return tree.run(process.execPath, [runner, join(tree.dir, "test/simulation/main.ts"), ...args]);
}
