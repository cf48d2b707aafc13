import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { brokenPromises, rollingRestart } from "./rolling-restart.js";
import { startStand } from "./stand.js";

// npm run rolling-restart -- --seconds N --rate R: see docs/reliability.md.
interface Options {
  readonly seconds: number;
  readonly rate: number;
  readonly servers: number;
  readonly workers: number;
  readonly devices: number;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { seconds, rate, ...size } = new Command("rolling-restart")
  .description("servers and workers are replaced one after the other under load, and a caller must see nothing of it")
  .option("--seconds <n>", "how long", Number, 120)
  .option("--rate <n>", "jobs created a second", Number, 200)
  .option("--servers <n>", "servers", Number, 2)
  .option("--workers <n>", "workers", Number, 2)
  .option("--devices <n>", "simulated devices", Number, 200)
  .parse()
  .opts<Options>();

const dir = await mkdtemp(join(tmpdir(), "pm-rolling-"));
const stand = await startStand({ dir, ...size });
let broken: string[];
try {
  const outcome = await rollingRestart(stand, { rate, forMs: seconds * 1_000, say });
  const { accepted, perState, restarts, longestRestartMs, createMs, watched, cuts, calls, forMs } = outcome;
  say(
    `${accepted} jobs in ${(forMs / 1_000).toFixed(1)} s (${Math.round((1_000 * accepted) / forMs)}/s): ${JSON.stringify(perState)}`,
  );
  say(`${restarts} restarts, the longest ${longestRestartMs} ms; ${calls} calls, ${outcome.failedCalls.length} failed`);
  say(`creates took ${createMs.p50} ms (p50), ${createMs.p99} ms (p99), ${createMs.longest} ms (longest)`);
  say(`${watched} watches followed to their end, cut and resumed ${cuts} times`);
  broken = brokenPromises(outcome);
} finally {
  await stand.close();
}
for (const one of broken.slice(0, 50)) say(`FAIL ${one}`);
say(broken.length === 0 ? "PASS" : `FAIL: ${broken.length} promises broken`);
await rm(dir, { recursive: true, force: true });
process.exit(broken.length === 0 ? 0 : 1);
