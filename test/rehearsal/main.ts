import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import { rehearseSchedules } from "./schedules.js";

// npm run schedules-rehearsal -- --minutes N --seed S: see docs/reliability.md.
const { minutes, seed, schedules, period } = new Command("schedules-rehearsal")
  .description("schedules are fired while servers are killed and frozen; no time may come twice or be lost")
  .option("--minutes <n>", "how long faults strike", Number, 10)
  .option("--seed <s>", "decides which faults strike when", String(Date.now()))
  .option("--schedules <n>", "schedules", Number, 200)
  .option("--period <seconds>", "seconds between two times of one schedule", Number, 5)
  .parse()
  .opts<{ readonly minutes: number; readonly seed: string; readonly schedules: number; readonly period: number }>();

const dir = await mkdtemp(join(tmpdir(), "pm-schedules-"));
const random = createSeededRandom(seed);
const outcome = await rehearseSchedules({ dir, forMs: minutes * 60_000, schedules, periodSeconds: period, random });
process.stdout.write(`seed ${seed}, ${minutes} min, ${schedules} schedules: ${JSON.stringify(outcome)}\n`);
const failed = outcome.twice > 0 || outcome.lost > 0 || outcome.missed > 0;
process.stdout.write(failed ? "FAIL\n" : "PASS\n");
await rm(dir, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
