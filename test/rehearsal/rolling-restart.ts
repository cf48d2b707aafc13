import { setTimeout as pause } from "node:timers/promises";
import type { Player, Stand } from "./stand.js";
import { startTraffic, type TrafficOutcome } from "./traffic.js";

/** What was seen while processes were replaced. */
export interface RollingOutcome extends TrafficOutcome {
  /** Processes that were asked to end and started again, and the longest that one took. Milliseconds. */
  readonly restarts: number;
  readonly longestRestartMs: number;
  /** Processes that did not end with status 0. */
  readonly badEnds: readonly string[];
  readonly forMs: number;
}

/** Between two restarts: long enough that what one upsets would show. */
const betweenMs = 2_000;
/** How long the last jobs may take. */
const settleMs = 180_000;

/**
 * Replaces servers and workers one after the other with SIGTERM, while a caller that knows all servers creates `rate` jobs
 * a second, reads and follows. Goes round for `forMs`, and at least once.
 */
export async function rollingRestart(
  stand: Stand,
  { rate, forMs, say }: { readonly rate: number; readonly forMs: number; readonly say: (line: string) => void },
): Promise<RollingOutcome> {
  const traffic = startTraffic(stand, rate);
  const players = [...stand.servers, ...stand.workers];
  const start = performance.now();
  let restarts = 0;
  let longestRestartMs = 0;
  // Sessions are opened and lines fill before the first one goes.
  await pause(betweenMs);
  for (let turn = 0; turn < players.length || performance.now() - start < forMs; turn++) {
    const player = players[turn % players.length]!;
    const ms = await replace(player);
    longestRestartMs = Math.max(longestRestartMs, ms);
    restarts++;
    say(
      `${player.name} was replaced in ${Math.round(ms)} ms; ${traffic.accepted} jobs accepted, ${traffic.ended} ended`,
    );
    await pause(betweenMs);
  }
  const tookMs = performance.now() - start;
  await traffic.settled(settleMs);
  const outcome = await traffic.stop();
  const badEnds = players.flatMap(({ name, ends }) => ends.filter((end) => end !== 0).map((end) => `${name}: ${end}`));
  return { ...outcome, restarts, longestRestartMs: Math.round(longestRestartMs), badEnds, forMs: Math.round(tookMs) };
}

/** Asks a process to end, and waits until the next one is ready. */
async function replace(player: Player): Promise<number> {
  const before = player.starts;
  const start = performance.now();
  player.signal("SIGTERM");
  while (player.starts === before) await pause(20);
  await player.ready();
  return performance.now() - start;
}

/** What broke a promise, in words; nothing when all were kept. */
export function brokenPromises(outcome: RollingOutcome): string[] {
  const { failedCalls, lost, twice, unseen, watchProblems, badEnds, perState, accepted } = outcome;
  const other = accepted - (perState["SUCCEEDED"] ?? 0) - lost.length;
  return [
    ...failedCalls.map((call) => `a call failed: ${call}`),
    ...lost.map((id) => `job ${id} has not ended`),
    ...twice.map((id) => `job ${id} was sent twice`),
    ...unseen.map((id) => `job ${id} succeeded, and no device received it`),
    ...watchProblems.map((problem) => `a watch was not continuous: ${problem}`),
    ...badEnds.map((end) => `a process ended badly: ${end}`),
    ...(other > 0 ? [`${other} jobs did not succeed: ${JSON.stringify(perState)}`] : []),
  ];
}
