import { durationMs } from "@bufbuild/protobuf/wkt";
import type { CloseSessionsRequest } from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { problem } from "../../errors.js";
import type { Store } from "../../store/store.js";
import {
  byHolder,
  type HeldSession,
  sessionsByWorker,
  type UnmetDevice,
  unmetDevices,
  viewSessions,
} from "./session-list.js";
import { awaitFates, interrupted, type ToldAttempt } from "./stopped-jobs.js";

/** Sessions closed in one call at most. */
const mostSessions = 1_000;
/** How long to wait until sessions are closed, unless the caller says. Milliseconds. */
const waitMs = 10_000;
/** How often the store is asked whether they are. */
const lookMs = 250;
/** Jobs that a refusal names. */
const namedJobs = 20;

/** What sessions are closed with. */
export interface ClosingParts {
  readonly store: Pick<Store, "workers" | "devices" | "zones" | "jobs" | "watches">;
  readonly clock: Clock;
}

/** Closes sessions, and waits a while until they are gone and it is known what became of the jobs. SESSIONS_IN_USE. */
export async function closeSessions(parts: ClosingParts, request: CloseSessionsRequest, signal: AbortSignal) {
  const { store, clock } = parts;
  const { filter, interruptRunning, validateOnly, waitTimeout } = request;
  const all: HeldSession[] = [];
  for await (const some of sessionsByWorker(store, filter)) all.push(...some);
  const chosen = all.slice(0, mostSessions);
  const remaining = all.length - chosen.length;

  const meant = [...chosen, ...(await unmetDevices(store, filter, all))];
  const running = await tell(store, meant, "ask");
  if (running.length > 0 && !interruptRunning) throw inUse(running);
  if (validateOnly) return { sessions: await viewSessions(store, chosen), remaining };
  const told = await tell(store, meant, interruptRunning ? "all" : "idle");

  const timeoutMs = waitTimeout ? durationMs(waitTimeout) : waitMs;
  const [jobs, pending] = await Promise.all([
    awaitFates(parts, { running: told, workers: [], timeoutMs }, signal),
    stillOpen({ store, clock }, chosen, timeoutMs, signal),
  ]);
  return {
    sessions: await viewSessions(
      store,
      chosen.filter((session) => !pending.includes(session)),
    ),
    pending: await viewSessions(store, pending),
    jobs,
    interruptedJobs: jobs.filter(interrupted).map(({ id }) => id),
    remaining,
  };
}

/** Tells each worker, and answers with what runs on the devices, also where it still connects. */
async function tell(
  { workers }: Pick<Store, "workers">,
  sessions: readonly (HeldSession | UnmetDevice)[],
  how: "ask" | "idle" | "all",
): Promise<ToldAttempt[]> {
  const told: ToldAttempt[] = [];
  for (const [{ zone, name }, some] of byHolder(sessions)) {
    const reply = await workers.closeSessions(zone, name, how, some);
    if (reply.answer === "NONE") continue;
    const running = reply.running.map((attempt) => ({ ...attempt, worker: name, zone }));
    if (reply.answer === "BUSY") throw inUse(running);
    told.push(...running);
  }
  return told;
}

/** Those that are still open when the time is over; at once none, when all are closed before that. */
async function stillOpen(
  { store, clock }: { readonly store: Pick<Store, "workers">; readonly clock: Clock },
  sessions: readonly HeldSession[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HeldSession[]> {
  const endMs = clock.monotonic() + timeoutMs;
  for (;;) {
    const open: HeldSession[] = [];
    for (const [{ zone, name }, some] of byHolder(sessions)) {
      const left = new Set(
        await store.workers.stillOpen(
          zone,
          name,
          some.map(({ number }) => number),
        ),
      );
      open.push(...some.filter(({ number }) => left.has(number)));
    }
    const leftMs = endMs - clock.monotonic();
    if (open.length === 0 || leftMs <= 0) return open;
    await clock.sleep(Math.min(lookMs, leftMs), signal);
  }
}

function inUse(running: readonly ToldAttempt[]): Error {
  const named = running.slice(0, namedJobs).map(({ job }) => job);
  const more = running.length > named.length ? ` and ${running.length - named.length} more` : "";
  return problem(
    "SESSIONS_IN_USE",
    `${running.length === 1 ? "a job runs" : `${running.length} jobs run`} on the devices of these sessions: ` +
      `${named.join(", ")}${more}; wait for it, or set interrupt_running`,
    { metadata: { jobs: named.join(","), running: String(running.length) } },
  );
}
