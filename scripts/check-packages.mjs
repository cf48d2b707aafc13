// Packs both packages, installs the SDK's tarball into an empty project and uses it from ESM, CommonJS and TypeScript.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const dir = mkdtempSync(join(tmpdir(), "pointsman-pack-"));
const run = (command, args, cwd = process.cwd()) => execFileSync(command, args, { cwd, encoding: "utf8" });
try {
  const pack = (...args) => JSON.parse(run("npm", ["pack", "--json", "--pack-destination", dir, ...args]))[0];
  const sdk = pack("-w", "sdk");
  const service = pack();
  for (const needed of ["dist/index.js", "dist/index.d.ts", "dist/v1.js", "dist/task.js", "README.md", "LICENSE"]) {
    if (!sdk.files.some(({ path }) => path === needed)) throw new Error(`the SDK's package lacks ${needed}`);
  }
  for (const needed of [
    "dist/main.js",
    "dist/tasks/thread.js",
    "dist/store/scripts/claim.lua",
    "dist/device/platforms/cisco_ios.yaml",
  ]) {
    if (!service.files.some(({ path }) => path === needed)) throw new Error(`the package lacks ${needed}`);
  }
  const stray = [...sdk.files, ...service.files].filter(({ path }) =>
    /(^|\/)test\/|\.tsbuildinfo$|node_modules/.test(path),
  );
  if (stray.length > 0) throw new Error(`files that should not be published: ${stray.map(({ path }) => path)}`);

  writeFileSync(join(dir, "package.json"), JSON.stringify({ name: "user", type: "module", private: true }));
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel", "error", join(dir, sdk.filename)], dir);
  writeFileSync(
    join(dir, "use.mjs"),
    `import { Pointsman } from "@pointsman/sdk"; import { JobState } from "@pointsman/sdk/v1";
     const client = new Pointsman({ baseUrl: "http://127.0.0.1:1", retry: false });
     const error = await client.jobs.get("0".repeat(26)).catch((e) => e);
     if (error.name !== "UnavailableError" || JobState.RUNNING !== 3) throw new Error(String(error));
     client.close();`,
  );
  run("node", ["use.mjs"], dir);
  writeFileSync(
    join(dir, "use.cjs"),
    `if (typeof require("@pointsman/sdk").Pointsman !== "function") throw new Error();`,
  );
  run("node", ["use.cjs"], dir);
  writeFileSync(
    join(dir, "use.ts"),
    `import { Pointsman } from "@pointsman/sdk"; import { defineTask } from "@pointsman/sdk/task"; import type { Job } from "@pointsman/sdk/v1";
     export async function main(): Promise<Job> { return new Pointsman().jobs.run({ device: "r1", commands: ["show version"] }); }
     const input = { type: "object", properties: { line: { type: "string" } }, required: ["line"] } as const;
     export const read = defineTask({ name: "read", delivery: "READ_ONLY", input, run: ({ input }) => input.line.length });`,
  );
  const flags = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--types",
    "node",
    "--typeRoots",
  ];
  run(
    join(process.cwd(), "node_modules/.bin/tsc"),
    [...flags, join(process.cwd(), "node_modules/@types"), "use.ts"],
    dir,
  );
  process.stdout.write(`packed: ${sdk.filename} ${sdk.size} bytes, ${service.filename} ${service.size} bytes\n`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
