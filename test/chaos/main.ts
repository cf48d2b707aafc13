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
  readonly without: string;
  readonly heal: number;
  readonly enough?: boolean;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { minutes, seed, devices, without, heal, enough } = new Command("chaos")
  .description("everything fails at once, and the promises are judged by what the devices saw")
  .option("--minutes <n>", "how long faults strike", Number, 1)
  .option("--seed <s>", "decides which faults strike when", String(Date.now()))
  .option("--devices <n>", "simulated devices", Number, 300)
  .option("--without <kinds>", "kinds of faults that do not strike, by commas", "")
  .option("--heal <s>", "seconds in which everything must have ended when the faults are over", Number, 30)
  .option("--enough", "go on until 1,500 jobs, 20 killed workers and 3 losses of data, at most six times as long")
  .parse()
  .opts<Options>();

const dir = await mkdtemp(join(tmpdir(), "pm-chaos-"));
say(`chaos of ${minutes} min, seed ${seed}, in ${dir}`);
const outcome = await runChaos({
  ...{ seed, devices, dir, say, durationMs: minutes * 60_000, healMs: heal * 1_000 },
  without: without.split(","),
  ...(enough ? { enough: { jobs: 1_500, kills: 20, losses: without.includes("roll-back") ? 0 : 3 } } : {}),
});
const { violations, failures, fsck, jobs, perState, struck, losses, repeated, watched, inDoubt, healedMs } = outcome;
say(`seed ${seed}: ${jobs} jobs, ${JSON.stringify(perState)}`);
say(`faults: ${JSON.stringify(Object.fromEntries(struck))}`);
say(
  `Redis came back with older data ${losses} times; ${repeated} creates were repeated; ${watched} watches seen to their end`,
);
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
// A call that was given up may hold the process for as long as its connection lasts.
process.exit();
