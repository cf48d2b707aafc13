import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { brokenByOutage, type Outage, redisOutage } from "./redis-outage.js";
import { startStand } from "./stand.js";

// npm run redis-outage -- --outage stop|kill --seconds N: see docs/reliability.md.
interface Options {
  readonly outage: Outage;
  readonly seconds: number;
  readonly around: number;
  readonly rate: number;
  readonly warmUp: number;
  readonly memory: number;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { outage, seconds, around, rate, warmUp, memory } = new Command("redis-outage")
  .description("Redis is away for a while under load; health says so, nobody dies, and everything goes on by itself")
  .addOption(new Option("--outage <how>", "stop the process, or kill it").choices(["stop", "kill"]).default("stop"))
  .option("--seconds <n>", "how long Redis is away", Number, 30)
  .option("--around <n>", "seconds of load before and behind", Number, 30)
  .option("--rate <n>", "jobs created a second", Number, 20)
  .option("--warm-up <n>", "seconds of load behind that before memory is judged", Number, 120)
  .option("--memory <n>", "seconds of load in which memory is judged; 0: it is not", Number, 300)
  .parse()
  .opts<Options>();

const dir = await mkdtemp(join(tmpdir(), "pm-outage-"));
const stand = await startStand({ dir, servers: 2, workers: 2, devices: 50 });
let broken: string[];
try {
  const outcome = await redisOutage(stand, {
    outage,
    awayMs: seconds * 1_000,
    aroundMs: around * 1_000,
    rate,
    warmUpMs: warmUp * 1_000,
    memoryMs: memory * 1_000,
  });
  const { noticedMs, healthyAgainMs, worksAgainMs, accepted, perState, calls, failedCalls } = outcome;
  say(`Redis was away for ${seconds} s (${outage}); health said so after ${noticedMs ?? "no"} ms`);
  say(`once it was back: healthy after ${healthyAgainMs} ms, a new job ended after ${worksAgainMs} ms`);
  say(
    `${accepted} jobs accepted: ${JSON.stringify(perState)}; ${failedCalls.length} of ${calls} calls failed meanwhile`,
  );
  say(
    `memory of the process that grew most: ${outcome.outageMbPerMinute} MB/min while Redis was away, ` +
      (memory > 0
        ? `${outcome.judgedMbPerMinute} MB/min in ${memory} s of steady load behind it`
        : "not judged behind it"),
  );
  broken = brokenByOutage(outcome);
} finally {
  await stand.close();
}
for (const one of broken.slice(0, 50)) say(`FAIL ${one}`);
say(broken.length === 0 ? "PASS" : `FAIL: ${broken.length} promises broken`);
await rm(dir, { recursive: true, force: true });
process.exit(broken.length === 0 ? 0 : 1);
