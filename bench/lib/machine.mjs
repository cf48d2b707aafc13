import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg, release } from "node:os";

const require = createRequire(import.meta.url);

function run(command, args, cwd) {
  try {
    return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "unknown";
  }
}

/** What was measured, and on what. */
export function describeMachine(root, dist, redisVersion) {
  const version = (name) => JSON.parse(readFileSync(require.resolve(`${name}/package.json`), "utf8")).version;
  const head = run("git", ["rev-parse", "--short", "HEAD"], root);
  const dirty = head !== "unknown" && run("git", ["status", "--porcelain", "--", "src"], root) !== "";
  const commit = dirty ? `${head} + uncommitted changes in src` : head;
  return {
    time: new Date().toISOString(),
    commit: dist === `${root}/dist` ? commit : `unknown, compiled elsewhere (HEAD is ${commit})`,
    cpu: `${cpus().length} × ${cpus()[0].model.trim()}`,
    kernel: release(),
    node: process.versions.node,
    redis: redisVersion,
    bullmq: version("bullmq"),
    ioredis: version("ioredis"),
    load: load(),
  };
}

/** Load average of the last minute. */
export function load() {
  return Number(loadavg()[0].toFixed(2));
}
