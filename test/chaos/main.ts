import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { runChaos } from "./run.js";

// npm run chaos -- --minutes N --seed S: see docs/reliability.md.
interface Options {
  readonly minutes: number;
  readonly seed: string;
  readonly devices: number;
  readonly only?: string;
  readonly atLeast?: string;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { minutes, seed, devices, only } = new Command("chaos")
  .description("everything fails at once, and the promises are judged by what the devices saw")
  .option("--minutes <n>", "how long faults strike", Number, 1)
  .option("--seed <s>", "decides which faults strike when", String(Date.now()))
  .option("--devices <n>", "simulated devices", Number, 300)
  .option("--only <kinds>", "kinds of faults, by commas")
  .parse()
  .opts<Options>();

const dir = await mkdtemp(join(tmpdir(), "pm-chaos-"));
say(`chaos of ${minutes} min, seed ${seed}, in ${dir}`);
const outcome = await runChaos({
  ...{ seed, devices, dir, say, durationMs: minutes * 60_000 },
  ...(only === undefined ? {} : { only: only.split(",") }),
});
const { violations, failures, fsck, jobs, perState, struck, losses, repeated, inDoubt, healedMs } = outcome;
say(`seed ${seed}: ${jobs} jobs, ${JSON.stringify(perState)}`);
say(`faults: ${JSON.stringify(Object.fromEntries(struck))}`);
say(`Redis came back with older data ${losses} times; ${repeated} creates were repeated`);
say(`in doubt: ${(100 * inDoubt).toFixed(2)} %; healed in ${(healedMs / 1000).toFixed(1)} s`);
const counts = new Map<string, number>();
for (const { broken } of violations) counts.set(broken, (counts.get(broken) ?? 0) + 1);
say(`violations: ${violations.length} ${JSON.stringify(Object.fromEntries(counts))}`);
for (const { broken, what } of violations.slice(0, 50)) say(`FAIL ${broken}: ${what}`);
for (const failure of failures) say(`FAIL ${failure}`);
if (fsck.status !== 0) for (const line of fsck.output.slice(0, 30)) say(`  fsck: ${line}`);
if (violations.length + failures.length > 0) {
  await writeFile(join(dir, "run.log"), outcome.log.join("\n"));
  say(`the devices' journal and the processes' logs are in ${dir}`);
  process.exitCode = 1;
} else {
  await rm(dir, { recursive: true, force: true });
  say("PASS");
}
