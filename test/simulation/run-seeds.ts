import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { typescriptProgram } from "../support/typescript-program.js";
import { type Outcome, simulate } from "./simulation.js";

/** What is told of a seed when many are lived through. */
type Short = Pick<Outcome, "seed" | "violations" | "faults" | "hash" | "ends">;

/** What Node is given to live through worlds in a process of its own. */
export function simulation(args: readonly string[]) {
  return typescriptProgram(new URL("main.ts", import.meta.url), args);
}

/** Broken worlds of which more is told than the seed. */
const mostTold = 5;

const usage = `npm run simulate -- [--seeds 1000] [--from 1] [--jobs CORES] [--until-bad] [--trace]

  --seeds      how many worlds
  --from       the first seed; the others follow it
  --jobs       processes that share them
  --minutes    goes on with further seeds until that much time is over
  --until-bad  stops at the first world in which a promise is broken
  --trace      prints all that happened in each world (for one seed)
`;

/** Runs what the arguments say; gives the exit code: 1 when a promise was broken. */
export async function runSeeds(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
      jobs: { type: "string", default: String(availableParallelism()) },
      minutes: { type: "string", default: "0" },
      "until-bad": { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      step: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const print = (text: string): void => void process.stdout.write(text);
  if (values.help) {
    print(usage);
    return 0;
  }
  const [seeds, from, jobs] = [Number(values.seeds), Number(values.from), Number(values.jobs)];
  const endAt = performance.now() + Number(values.minutes) * 60_000;
  const goesOn = (seed: number): boolean => seed < from + seeds || performance.now() < endAt;
  if (values.step !== undefined) {
    for (let seed = from; goesOn(seed); seed += Number(values.step)) {
      const outcome = shortOf(await simulate(seed));
      process.send?.(outcome);
    }
    return 0;
  }
  if (values.trace) {
    const outcome = await simulate(from);
    print(`${outcome.trace.join("\n")}\n\n`);
    return report([shortOf(outcome)], print);
  }

  const started = performance.now();
  const outcomes: Short[] = [];
  let told = 0;
  await Promise.all(
    Array.from({ length: Math.min(jobs, seeds) }, (_, i) => {
      const own = ["--step", String(jobs), "--from", String(from + i), "--minutes", values.minutes];
      return share([...own, "--seeds", String(seeds - i)], (outcome) => {
        outcomes.push(outcome);
        if (outcome.violations.length === 0) return false;
        if (told++ < mostTold) print(failureOf(outcome));
        return values["until-bad"];
      });
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  const code = report(outcomes, print);
  print(`${seconds.toFixed(0)} s, ${(outcomes.length / seconds).toFixed(1)} worlds a second in ${jobs} processes\n`);
  return code;
}

function shortOf({ seed, violations, faults, hash, ends }: Outcome): Short {
  return { seed, violations, faults, hash, ends };
}

/** A process that lives through a share of the seeds. `heard` says whether it may end. */
function share(args: readonly string[], heard: (outcome: Short) => boolean): Promise<void> {
  const [script, ...given] = simulation(args);
  const child = fork(script, given);
  return new Promise((resolve, reject) => {
    let enough = false;
    child.on("message", (outcome: Short) => {
      if (!heard(outcome)) return;
      enough = true;
      child.kill();
    });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 || enough ? resolve() : reject(new Error(`a process ended with ${code}`))));
  });
}

function failureOf({ seed, violations, faults }: Short): string {
  const lines = violations.slice(0, 5).map(({ invariant, text }) => `  ${invariant}: ${text}`);
  const again = `  again, with all that happened: npm run simulate -- --from ${seed} --trace`;
  return [`seed ${seed} broke a promise under ${faults.join(", ")}`, ...lines, again, ""].join("\n");
}

function report(outcomes: readonly Short[], print: (text: string) => void): number {
  const ends: Record<string, number> = {};
  for (const outcome of outcomes) {
    for (const [state, count] of Object.entries(outcome.ends)) ends[state] = (ends[state] ?? 0) + count;
  }
  const bad = outcomes.filter(({ violations }) => violations.length > 0).map(({ seed }) => seed);
  const told = Object.entries(ends).map(([state, count]) => `${count} ${state}`);
  print(`${outcomes.length} worlds, ${bad.length} with a broken promise; jobs: ${told.sort().join(", ")}\n`);
  if (bad.length > 0) print(`seeds: ${bad.sort((a, b) => a - b).join(" ")}\n`);
  return bad.length > 0 ? 1 : 0;
}
