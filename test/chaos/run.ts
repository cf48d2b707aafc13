import { setTimeout as pause } from "node:timers/promises";
import { JobState } from "@pointsman/sdk/v1";
import { startFaults } from "./faults.js";
import { type Installation, startInstallation } from "./installation.js";
import { judge, type Violation } from "./judge.js";
import { type Entry, nameOf } from "./ledger.js";
import { startLoad } from "./load.js";
import { type Fault, planFaults } from "./plan.js";

/** How a run is made. */
export interface RunOptions {
  readonly seed: string;
  /** How long faults strike, in milliseconds. */
  readonly durationMs: number;
  readonly devices: number;
  /** Folder for everything that it leaves behind. */
  readonly dir: string;
  /** Kinds of faults that do not strike. */
  readonly without: readonly string[];
  /** How long it may take, when the faults are over, until every job has ended. */
  readonly healMs: number;
  /** Goes on until this much has happened, at most six times as long. */
  readonly enough?: { readonly jobs: number; readonly kills: number; readonly losses: number };
  readonly say: (line: string) => void;
}

/** What a run was, and what was wrong. */
export interface Outcome {
  readonly jobs: number;
  readonly perState: Readonly<Record<string, number>>;
  readonly struck: ReadonlyMap<Fault["kind"], number>;
  /** Times that Redis came back with older data. */
  readonly losses: number;
  /** Creates that were repeated because what was accepted was lost. */
  readonly repeated: number;
  /** Jobs whose events were watched to the end. */
  readonly watched: number;
  /** Share of the jobs that ended INDETERMINATE. */
  readonly inDoubt: number;
  /** From the last fault's end to the last job's. */
  readonly healedMs: number;
  readonly violations: readonly Violation[];
  readonly fsck: { readonly status: number | null; readonly output: readonly string[] };
  /** What broke a limit of the run itself. */
  readonly failures: readonly string[];
  readonly log: readonly string[];
}

/** Beyond this a run has failed, whatever the devices saw. */
const mostInDoubt = 0.03;
/** What takes a worker out of its work: on a slow machine more of them strike for each job, and one doubt for each is allowed. */
const strikes = ["kill-worker", "stop-worker", "jump-worker-clock", "worker-redis"] as const;
const sayEveryMs = 10_000;
/** A run in which too little has happened yet lasts up to this many times as long as asked for. */
const longest = 6;

export async function runChaos(options: RunOptions): Promise<Outcome> {
  const { seed, durationMs, devices, dir, say } = options;
  const at = await startInstallation({ dir, seed, devices, servers: 3, workers: 6 });
  try {
    say(`installed: 3 servers, 6 workers, ${devices} devices, a primary and a replica`);
    return await torment(at, options, seed, durationMs);
  } finally {
    await at.close();
  }
}

async function torment(at: Installation, options: RunOptions, seed: string, durationMs: number): Promise<Outcome> {
  const { say, without, devices, healMs, enough = { jobs: 0, kills: 0, losses: 0 } } = options;
  // What is still open by then is lost.
  const givenUpMs = Math.max(60_000, healMs);
  const load = startLoad(at, seed, 2 * devices);
  const plan = planFaults(seed, longest * durationMs).filter(({ fault }) => !without.includes(fault.kind));
  const faults = startFaults(at, plan, () => load.accepted);
  const begun = performance.now();
  const saying = setInterval(() => {
    say(
      `${Math.round((performance.now() - begun) / 1000)} s: ${load.entries.length} jobs, ${load.open} open, ` +
        `${at.redis.lost} times older data`,
    );
  }, sayEveryMs);

  const isEnough = (): boolean =>
    load.entries.length >= enough.jobs &&
    (faults.struck.get("kill-worker") ?? 0) >= enough.kills &&
    at.redis.lost >= enough.losses;
  await pause(durationMs);
  while (!isEnough() && performance.now() - begun < longest * durationMs) await pause(1_000);
  load.close();
  await faults.heal();
  await Promise.all([...at.servers, ...at.workers].map((member) => member.ready()));
  const healing = performance.now();
  await load.settled(givenUpMs);
  // Redis may have forgotten what was seen before: what counts is what it says now.
  load.again();
  await load.settled(givenUpMs / 2);
  const healedMs = performance.now() - healing;
  await load.stop();
  clearInterval(saying);

  const { entries } = load;
  const fsck = await at.run("fsck");
  const journalsMissing = at.servers.some(({ log }) => log.some((line) => line.includes("journals are missing")));
  const violations = judge(entries, load.received, journalsMissing);
  const perState = countStates(entries);
  const doubts = entries.filter(({ state }) => state === JobState.INDETERMINATE).length;
  const struckWorkers = strikes.reduce((sum, kind) => sum + (faults.struck.get(kind) ?? 0), 0);
  const allowedDoubts = Math.max(mostInDoubt * entries.length, struckWorkers);
  const failures = [
    ...(isEnough() ? [] : ["too little happened to judge by"]),
    ...(healedMs > healMs ? [`healed after ${Math.round(healedMs / 1000)} s, allowed are ${healMs / 1000}`] : []),
    ...(doubts > allowedDoubts ? [`${doubts} ended INDETERMINATE, allowed are ${Math.floor(allowedDoubts)}`] : []),
    ...(fsck.status === 0 ? [] : [`pointsman fsck ended with ${fsck.status}`]),
  ];
  return {
    ...{
      jobs: entries.length,
      perState,
      struck: faults.struck,
      losses: at.redis.lost,
      repeated: load.repeated,
      watched: load.watched,
    },
    ...{ inDoubt: doubts / Math.max(1, entries.length), healedMs, violations, fsck, failures },
    log: [
      ...faults.log,
      ...[...at.servers, ...at.workers].flatMap(({ name, log }) => log.map((line) => `${name}: ${line}`)),
    ],
  };
}

function countStates(entries: readonly Entry[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state, reason = "" } of entries) {
    const name = reason === "" ? nameOf(state) : `${nameOf(state)} ${reason}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
