import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
let dir: string;
/** The pieces of TypeScript in the documentation. */
let examples: readonly string[];

beforeAll(async () => {
  const text = await readFile("docs/tasks.md", "utf8");
  examples = [...text.matchAll(/```ts\n([\s\S]+?)```/g)].map(([, code]) => code ?? "");
  dir = await mkdtemp(join(tmpdir(), "pm-tasks-"));
  await symlink(resolve("node_modules"), join(dir, "node_modules"));
  const module = ts.transpileModule(examples[0] ?? "", {
    compilerOptions: { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2022 },
  });
  await writeFile(join(dir, "version-check.mjs"), module.outputText);
  at = await startSystem({
    devices: [device("fra-r1")],
    env: { POINTSMAN_TASK_MODULES: join(dir, "version-check.mjs") },
  });
});
afterAll(async () => {
  await at.close();
  await rm(dir, { recursive: true, force: true });
});

const cli = (...args: string[]) => runCli(args, { url: at.url });

test(
  "every example compiles, its input and output being of the types that the schemas say",
  { timeout: 300_000 },
  () => {
    const wrong = (examples[0] ?? "").replace("version === input.wanted", "version === input.wnated");
    const files = new Map([...examples, wrong].map((code, i) => [resolve(`test/docs/task-example-${i}.ts`), code]));
    const base = ts.readConfigFile("tsconfig.base.json", ts.sys.readFile).config as { compilerOptions: object };
    const { options: strict } = ts.convertCompilerOptionsFromJson(base.compilerOptions, ".");
    const options: ts.CompilerOptions = {
      ...strict,
      ...{ noEmit: true, composite: false, incremental: false, declaration: false, declarationMap: false },
      customConditions: ["pointsman-source"],
    };
    const host = ts.createCompilerHost(options);
    const { fileExists, readFile: read } = host;
    host.fileExists = (name) => files.has(name) || fileExists(name);
    host.readFile = (name) => files.get(name) ?? read(name);
    const faults = ts
      .getPreEmitDiagnostics(ts.createProgram([...files.keys()], options, host))
      .map((fault) => [fault.file?.fileName, ts.flattenDiagnosticMessageText(fault.messageText, "\n")]);
    expect(faults).toEqual([
      [[...files.keys()].at(-1), expect.stringMatching(/^Property 'wnated' does not exist on type .*wanted: string/)],
    ]);
  },
);

test("the first task runs as it is told there", async () => {
  const input = '{"wanted":"1.0"}';
  const { status, stdout, stderr } = await cli("task", "run", "version.check", "fra-r1", "--input", input);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(JSON.parse(stdout)).toEqual({ version: expect.stringMatching(/^\d/), ok: false });
  expect(stderr).toMatch(/fra-r1: 0 % reading the version\nfra-r1: > show version\nfra-r1: info: fra-r1 runs \d/);
  const [, id = ""] = /job (\w{26})/.exec(stderr) ?? [];
  const log = await cli("job", id, "--log");
  expect(log.stdout).toMatch(/^\S+ 0 % reading the version\n\S+ info: fra-r1 runs \d\S*\n$/);
  expect(JSON.parse((await cli("job", id, "--output")).stdout)).toEqual(JSON.parse(stdout));
  expect((await cli("job", id)).stdout).toMatch(/work +task version\.check\n/);
});

test("its types are listed and shown, and a wrong input is told by its field", async () => {
  expect((await cli("task", "types", "--label", "team=wan")).stdout).toMatch(/version\.check +read-only +1 +default/);
  expect((await cli("task", "types", "--text", "nothing like it")).stderr).toBe("no worker has loaded such a task\n");
  expect((await cli("task", "show", "version.check")).stdout).toMatch(/"wanted"/);
  expect((await cli("task", "show", "no.such")).stderr).toMatch(/no worker has loaded a task no\.such/);
  const wrong = await cli("task", "run", "version.check", "fra-r1", "--input", '{"wnated":1}');
  expect(wrong).toMatchObject({ status: 1, stderr: expect.stringContaining("job.task.input.wanted: is required") });
  const bad = await cli("task", "run", "version.check", "fra-r1", "--input", "{");
  expect(bad).toMatchObject({ status: 2, stderr: expect.stringContaining("--input is no JSON") });
});

test("it stands in a run and in a schedule, from the command line", async () => {
  const input = ["--input", '{"wanted":"1.0"}'];
  const run = await cli("task", "run", "version.check", "--select-all", ...input);
  expect(run.stdout).toMatch(/^fra-r1: {"/);
  const made = ["schedules", "create", "nightly", "--cron", "0 3 * * *", "--device", "fra-r1"];
  expect((await cli(...made, "--task", "version.check", ...input)).status).toBe(0);
  const refused = await cli(...made.with(2, "other"), "--task", "version.check", "--shell", "echo");
  expect(refused.status).toBe(2);
});
