import { expect } from "vitest";
import { createJobId } from "../../src/domain/job-id.js";
import { eventually } from "./eventually.js";
import type { NewJob } from "../../src/domain/job.js";
import type { Holder, Store, WorkerIdentity } from "../../src/store/store.js";
import { systemRandom } from "../../src/system/random.js";

/** A job on device `r1`, as the API would hand it to the store. */
export function newJob(nowMs: number, part: Partial<NewJob> = {}): NewJob {
  return {
    id: createJobId(nowMs, 0, systemRandom),
    zone: "default",
    effectClass: "READ_ONLY",
    type: "commands",
    endpoint: "10.0.0.1:22",
    address: "10.0.0.1",
    device: "r1",
    creator: "test",
    priority: 0,
    labels: {},
    spec: new TextEncoder().encode("spec"),
    queueTimeoutMs: 3_600_000,
    maxAttempts: 3,
    ...part,
  };
}

/** A worker on a node: every other one on `a`, the rest on `b`, by the number at the end of its name. */
export function worker(name: string, zone = "default"): WorkerIdentity {
  const node = Number(/\d*$/.exec(name)?.[0]) % 2 === 1 ? "a" : "b";
  return { name, zone, pid: 1, hostname: "host", version: "0", capacity: 10, node, skills: [`node/${node}`] };
}

let requests = 0;

/** Claims one job, or says that there was none. */
export async function claimOne(store: Store, by: WorkerIdentity): Promise<Holder | undefined> {
  const { claims } = await store.leases.claim(by, 1, `request-${requests++}`);
  const [claim] = claims;
  if (!claim) return undefined;
  const { job, fence } = claim;
  return { zone: job.zone, worker: by.name, job: job.id, endpoint: job.endpoint, fence };
}

/** Ends a claimed job well. */
export async function succeed(store: Store, holder: Holder, keepDevice = true): Promise<string> {
  return store.leases.finish(holder, {
    verdict: "SUCCEEDED",
    effect: "COMPLETE",
    intendedStep: 1,
    confirmedStep: 1,
    keepDevice,
  });
}

/** The last beat of a worker, as a reaper sees it. */
export async function beatOf(store: Store, name: string, zone = "default"): Promise<number> {
  const [found] = (await store.workers.list([zone])).filter((one) => one.name === name);
  return found?.beat ?? 0;
}

/** What a reaper does: it saw the beat, waited, and saw it again. */
export async function bury(store: Store, name: string, zone = "default"): Promise<void> {
  const beat = await beatOf(store, name, zone);
  for (let left = 1; left > 0;) ({ left } = await store.upkeep.reap(zone, name, beat, 10));
}

/**
 * After Redis came back with another history: the workers tell that their journals know nothing, and the zones open,
 * some seconds later.
 */
export async function reopen(
  store: Store,
  workers: readonly WorkerIdentity[],
  time: { now: number } = { now: 0 },
): Promise<void> {
  const idle = { running: 0, sessions: 0, closing: false, draining: false, succeeded: 0, failed: 0 };
  for (const one of workers) {
    await eventually(async () => {
      const beat = await store.leases.beat(one, idle);
      if ("toTell" in beat && beat.toTell) await store.leases.replayed(one, beat.toTell.history, [one.name]);
    }, 60_000);
  }
  for (const zone of new Set(workers.map((one) => one.zone))) {
    await eventually(async () => {
      const { state } = await store.upkeep.reconcile(zone);
      // Where the time moves by hand only, some pass now.
      if (state === "SHUT") time.now += 1_000;
      expect(state).toMatch(/^OPEN/);
    }, 120_000);
  }
}
