import type { Clock } from "../domain/clock.js";
import type { JournalFact, LeaseStore, Newcomer, Telling, WorkerIdentity } from "../store/store.js";
import type { Attempt } from "./attempt.js";
import type { JournalEntry, Journals } from "./journal.js";

/** Ends after which it is known that nothing was sent. */
const nothingSent = new Set(["RETRY", "REQUEUE", "CANCELLED", "EXPIRED"]);

/**
 * What journals know of each attempt that passed its point of no return: its intent, and its end when there is one. Of
 * an attempt whose intent was written before the entries begin, nothing can be said and nothing needs to be: the store
 * remembers it.
 */
export function factsOf(entries: readonly JournalEntry[], isLive: (job: string, fence: string) => boolean) {
  const facts = new Map<string, JournalFact>();
  for (const entry of entries) {
    if (entry.kind === "newcomer") continue;
    const { kind, fence } = entry;
    if (kind === "intent") {
      const { job, worker, step, requests } = entry;
      const live = isLive(job.id, fence);
      facts.set(`${job.id} ${fence}`, { job, worker, fence, intendedStep: step, requests, live });
      continue;
    }
    const fact = facts.get(`${entry.job} ${fence}`);
    if (!fact) continue;
    const { verdict, error, effect, intendedStep, confirmedStep } = entry;
    if (verdict === "SUCCEEDED" || verdict === "FAILED" || verdict === "INDETERMINATE") {
      const end = { verdict, intendedStep, confirmedStep, ...(error && { error }), ...(effect && { effect }) };
      facts.set(`${entry.job} ${fence}`, { ...fact, end });
    } else if (nothingSent.has(verdict)) {
      facts.delete(`${entry.job} ${fence}`);
    }
  }
  return [...facts.values()];
}

/** Workers that are written down as having come to a zone. */
function newcomersOf(entries: readonly JournalEntry[], zone: string): readonly Newcomer[] {
  const numbers = new Map<string, number>();
  for (const entry of entries) {
    if (entry.kind === "newcomer" && entry.zone === zone) numbers.set(entry.name, entry.number);
  }
  return [...numbers].map(([name, number]) => ({ name, number }));
}

/** What telling the store takes. */
export interface ReplayParts {
  readonly clock: Clock;
  readonly leases: Pick<LeaseStore, "replay" | "settle" | "replayed">;
  readonly journals: Journals;
  readonly identity: WorkerIdentity;
  readonly attempts: ReadonlyMap<string, Attempt>;
}

/** How long attempts that may not go on may take to notice. */
const noticeMs = 5_000;

/**
 * Tells the store of one zone what the journals in reach know, and brings both views of what runs here together: what
 * the store does not let go on is stopped, what it believes to run and does not is lost. May be repeated. Rejects with
 * STORE_RECONCILING when the store has another history by now than the one that asked.
 */
export async function replayJournals(parts: ReplayParts, { history, sinceMs }: Telling): Promise<void> {
  const { clock, leases, journals, identity, attempts } = parts;
  const isLive = (job: string, fence: string): boolean => attempts.get(job)?.holder.fence === fence;
  const { entries, gone } = await journals.read(sinceMs);
  const facts = factsOf(entries, isLive).filter(({ job }) => job.zone === identity.zone);
  if (facts.length > 0) await leases.replay(identity.zone, facts);

  const live = [...attempts.values()].map(({ holder }) => ({ job: holder.job, fence: holder.fence }));
  const strangers = (await leases.settle(identity, history, live)).flatMap((job) => attempts.get(job) ?? []);
  for (const attempt of strangers) attempt.stop("lease");
  await new Promise<void>((resolve) => {
    const cancel = clock.timer(noticeMs, resolve);
    void Promise.all(strangers.map(({ quiet }) => quiet)).then(() => {
      cancel();
      resolve();
    });
  });
  await leases.replayed(identity, history, [identity.name, ...gone], newcomersOf(entries, identity.zone));
}
