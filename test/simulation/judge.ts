import { allowedMoves, type JobState, isFinal } from "../../src/domain/job-state.js";
import type { ModelJob, ModelZone } from "../store/model/zone.js";
import type { ClientsRecord } from "./clients.js";
import type { JournalLine } from "./device.js";
import { parseLine, type Wish, wishOf } from "./work.js";

/** A promise that was broken, by its name in docs/reliability.md. */
export interface Violation {
  readonly invariant: string;
  readonly text: string;
}

/** All that a judge looks at when a world has come to rest. */
export interface Evidence {
  readonly wishes: readonly Wish[];
  readonly journal: readonly JournalLine[];
  readonly clients: ClientsRecord;
  readonly zone: ModelZone;
  /** The store came back with older data: it may have forgotten an intent and still know that it may have. */
  readonly forgetful: boolean;
}

interface Seen extends JournalLine {
  readonly wish: number;
  readonly step: number;
}

/** Judges from what reached the devices. Empty when every promise was kept. */
export function judge({ wishes, journal, clients, zone, forgetful }: Evidence): Violation[] {
  const found: Violation[] = [];
  const blame = (invariant: string, text: string): void => void found.push({ invariant, text });
  const seen: Seen[] = journal.flatMap((line) => {
    const parsed = parseLine(line.line);
    return parsed ? [{ ...line, ...parsed }] : [];
  });

  const kindOf = new Map(wishes.map(({ number, kind }) => [number, kind]));
  const jobsOf = new Map<number, ModelJob[]>();
  for (const job of zone.jobs.values()) jobsOf.set(wishOf(job), [...(jobsOf.get(wishOf(job)) ?? []), job]);

  function linesOnce(): void {
    const counts = new Map<string, number>();
    for (const { wish, step } of seen) {
      if (kindOf.get(wish) === "read") continue;
      const key = `job-${wish}-${step}`;
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      const ordered = clients.reruns.get(wish) ?? 0;
      if (count > 1 + ordered) blame("I1", `${key} reached its device ${count} times, ordered ${1 + ordered} times`);
    }
  }

  /** A line that is not its job's first comes right behind the one before it, in the same session. */
  function together(): void {
    const last = new Map<string, Seen>();
    for (const line of seen) {
      const before = last.get(line.device);
      last.set(line.device, line);
      if (line.step === 1) continue;
      const follows =
        before && before.wish === line.wish && before.step === line.step - 1 && before.session === line.session;
      if (!follows) blame("I4", `${line.line} on ${line.device} came behind ${before?.line ?? "nothing"}`);
    }
  }

  function accounted(): void {
    for (const wish of wishes) {
      const ids = clients.accepted.get(wish.number);
      if (!ids) blame("I2", `job-${wish.number} was never accepted`);
      else if (![...ids].some((id) => zone.jobs.has(id))) blame("I2", `job-${wish.number} is lost`);
      const jobs = jobsOf.get(wish.number) ?? [];
      const ordered = clients.reruns.get(wish.number) ?? 0;
      if (jobs.length > 1 + ordered) blame("I2", `job-${wish.number} exists ${jobs.length} times`);
    }
    for (const complaint of clients.complaints) blame("I2", complaint);
  }

  function ends(): void {
    for (const wish of wishes) {
      const lines = seen.filter((line) => line.wish === wish.number);
      const jobs = jobsOf.get(wish.number) ?? [];
      const name = `job-${wish.number}`;
      for (const job of jobs) {
        if (!isFinal(job.state)) blame("I9", `${name} (${job.id} on ${wish.device}) is still ${job.state}`);
        if (job.state === "INDETERMINATE" && !job.resolution) blame("I9", `${name} was never resolved`);
        if (job.state === "SUCCEEDED") succeeded(wish, job, lines);
      }
      if (wish.kind === "read" || jobs.length !== 1 || !jobs[0]) continue;
      const [job] = jobs;
      const done = lines.filter(({ rejected }) => !rejected).length;
      if (done > 0 && (job.effect === "NONE" || job.state === "CANCELLED" || job.state === "EXPIRED")) {
        blame("I3", `${name} is ${job.state} without effect, and ${done} lines were carried out`);
      }
      if (job.state === "FAILED" && job.confirmedStep < lines.length) {
        blame("I3", `${name} FAILED, confirmed up to ${job.confirmedStep}, and ${lines.length} lines arrived`);
      }
      if (job.state === "INDETERMINATE" && job.intentMs === undefined && !forgetful) {
        blame("I5", `${name} is INDETERMINATE without an intent`);
      }
      const sessions = new Set(lines.map(({ session }) => session));
      // The job that somebody ordered to do it again may be forgotten, and its worker may not have told its journal yet.
      const ordered = clients.reruns.get(wish.number) ?? 0;
      if (sessions.size > 1 + ordered) blame("I5", `${name} was sent in ${sessions.size} sessions`);
    }
  }

  function succeeded(wish: Wish, job: ModelJob, lines: readonly Seen[]): void {
    const worked = lines.filter(({ rejected }) => !rejected);
    const isWholeAt = (at: number): boolean => wish.lines.every((line, i) => worked[at + i]?.line === line);
    // A read may have been begun once more for a history that is no more: one of its runs must be whole, not the last.
    const isWhole =
      wish.kind === "read" ? worked.some((_, at) => isWholeAt(at)) : isWholeAt(worked.length - wish.lines.length);
    if (!isWhole) {
      blame("I3", `job-${wish.number} SUCCEEDED, and its device saw: ${lines.map(({ line }) => line).join(", ")}`);
    }
    if (wish.kind !== "read") return;
    if (job.attempts.length - job.refunds > job.spec.maxAttempts) {
      blame("I7", `job-${wish.number} was tried ${job.attempts.length} times`);
    }
    const output = Buffer.from(job.output).toString();
    const missing = wish.lines.filter((line) => !output.includes(`answer to ${line}`));
    if (missing.length > 0) blame("I7", `job-${wish.number} SUCCEEDED without the output of ${missing.join(", ")}`);
  }

  function histories(): void {
    for (const job of zone.jobs.values()) {
      const states = job.events.flatMap(({ fact }) => (fact.kind === "state" ? [fact.state] : []));
      states.slice(1).forEach((state, i) => {
        const from: JobState = states[i]!;
        if (!allowedMoves[from].includes(state)) blame("I8", `${job.id} went ${from} → ${state}`);
      });
      if (states.at(-1) !== job.state) blame("I8", `${job.id} is ${job.state}; its events say ${states.at(-1)}`);
    }
  }

  /** Each attempt at a device has a larger fence than all before it. */
  function fences(): void {
    const attempts = [...zone.jobs.values()].flatMap((job) =>
      job.attempts.map(({ startMs, fence }) => ({ endpoint: job.spec.endpoint, startMs, fence: Number(fence) })),
    );
    attempts.sort((a, b) => a.startMs - b.startMs || a.fence - b.fence);
    const last = new Map<string, number>();
    for (const { endpoint, fence } of attempts) {
      if (fence <= (last.get(endpoint) ?? 0)) blame("I6", `fence ${fence} on ${endpoint} behind ${last.get(endpoint)}`);
      last.set(endpoint, fence);
    }
  }

  linesOnce();
  together();
  accounted();
  ends();
  histories();
  fences();
  return found;
}

/** What must hold in the store after every single call. */
export function checkZone(zone: ModelZone): Violation[] {
  const found: Violation[] = [];
  const blame = (invariant: string, text: string): void => void found.push({ invariant, text });
  for (const job of zone.jobs.values()) {
    const device = zone.devices.get(job.spec.endpoint);
    if (job.state === "INDETERMINATE" && !job.resolution) {
      if (device?.hold === undefined || !device.holds.has(job.id)) blame("I10", `${job.id} does not hold its device`);
    }
    if ((job.state === "RUNNING" || job.state === "CANCELLING") && device?.run !== job.id) {
      blame("fsck", `${job.id} is ${job.state}, and its device runs ${device?.run ?? "nothing"}`);
    }
  }
  for (const { endpoint, run, owner } of zone.devices.values()) {
    if (run === undefined) continue;
    const job = zone.jobs.get(run);
    if (!job || (job.state !== "RUNNING" && job.state !== "CANCELLING")) {
      blame("fsck", `${endpoint} runs ${run}, which is ${job?.state ?? "gone"}`);
    }
    if (owner === undefined) blame("fsck", `${endpoint} runs ${run} for nobody`);
  }
  return found;
}
