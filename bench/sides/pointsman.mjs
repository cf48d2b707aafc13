import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressOf, noResult } from "../lib/jobs.mjs";
import { startReplica } from "./replica.mjs";
import { withoutGate } from "./without-gate.mjs";

/**
 * Our store, opened as the service opens it: request ids, events, fence, indexes and retention of everything are on.
 * `changes`: its jobs are changes, each of which passes its point of no return in Redis, and with `journal` on disk too.
 * `gate: false`: Redis is never asked who it is. `replicated`: each job is accepted once a replica has acknowledged it.
 */
export async function openPointsman(
  parts,
  { changes = false, journal: journalled = false, gate = true, replicated = false } = {},
) {
  const { server } = parts;
  const ungated = gate ? undefined : await withoutGate(parts.distDir);
  const { dist } = ungated ?? parts;
  const replica = replicated ? await startReplica(server, dist) : undefined;
  const { createRedisStore } = await dist("store/redis-store.js");
  const { createJobId } = await dist("domain/job-id.js");
  const { systemRandom } = await dist("system/random.js");
  const { createCalendar } = await dist("system/calendar.js");
  const store = await createRedisStore({
    calendar: createCalendar(),
    address: server.path,
    now: () => Date.now(),
    monotonic: () => performance.now(),
  });
  const { openJournal } = await dist("worker/journal.js");
  const dir = journalled ? await mkdtemp(join(tmpdir(), "pm-bench-journal-")) : undefined;
  const journal = dir && (await openJournal(dir, "bench"));
  let workers = 0;

  const newJob = ({ seq, number, device, text, queue, priority = 0 }) => ({
    id: createJobId(Date.now(), 0, systemRandom),
    zone: "default",
    effectClass: changes ? "AT_MOST_ONCE" : "READ_ONLY",
    type: "commands",
    endpoint: `${addressOf(number)}:22`,
    address: addressOf(number),
    device,
    creator: "bench",
    priority,
    labels: {},
    spec: Buffer.from(text),
    ...(replicated && { replicated }),
    queueTimeoutMs: 86_400_000,
    maxAttempts: 3,
    idempotency: { scope: "bench/CreateJob", requestId: `request-${seq}`, fingerprint: `fingerprint-${seq}` },
    ...(queue === undefined ? {} : { queue }),
  });

  return {
    store,
    newJob,
    enqueue: (job) => store.jobs.create(newJob(job)),
    async enqueueMany(jobs) {
      for (const answer of await store.jobs.createMany(jobs.map(newJob))) if (answer instanceof Error) throw answer;
    },
    /** A worker that claims for itself. */
    async register(capacity) {
      const worker = {
        name: `w${workers++}`,
        zone: "default",
        pid: process.pid,
        hostname: "bench",
        node: "bench",
        skills: [],
        version: "0",
        capacity,
      };
      await store.leases.register(worker);
      // As a server does that looks at the zone: nothing is changed by a worker that none has seen.
      const { roster } = await store.upkeep.reconcile("default");
      await store.upkeep.reconcile("default", { roster });
      return worker;
    },
    async consume(options) {
      const worker = await this.register(options.concurrency);
      return consume(store, worker, {
        ...options,
        ...(changes ? { pass: (claim) => pass(store, worker, claim, journal) } : {}),
      });
    },
    async counts() {
      const states = await store.jobs.count({});
      return { all: [...states.values()].reduce((sum, count) => sum + count, 0), done: states.get("SUCCEEDED") ?? 0 };
    },
    async close() {
      await store.close();
      await journal?.close();
      await replica?.stop();
      await ungated?.remove();
      if (dir) await rm(dir, { recursive: true, force: true });
    },
  };
}

const holderOf = (worker, { job, fence }) => ({
  zone: "default",
  worker: worker.name,
  job: job.id,
  endpoint: job.endpoint,
  fence,
});

/** Passes the point of no return, as a worker does before the first byte of a change. */
async function pass(store, worker, claim, journal) {
  const { answer, requests } = await store.leases.intent(holderOf(worker, claim), 1);
  if (answer !== "OK") throw new Error(`intent answered ${answer}`);
  const { job, fence } = claim;
  await journal?.write({ kind: "intent", timeMs: Date.now(), worker: worker.name, fence, step: 1, requests, job });
}

/** Ends a claimed job well, as a worker does that keeps its session. */
export async function succeed(store, worker, claim) {
  const answer = await store.leases.finish(holderOf(worker, claim), {
    verdict: "SUCCEEDED",
    effect: "COMPLETE",
    intendedStep: 1,
    confirmedStep: 1,
    result: Buffer.from(noResult),
    keepDevice: true,
  });
  if (answer !== "OK") throw new Error(`finish answered ${answer}`);
}

/**
 * Claims and ends jobs as our worker does: at most `concurrency` run, a claim takes at most `batch`, one claim is under
 * way at a time, ends go out by themselves. Woken by hints; a poll stands behind them.
 */
async function consume(store, worker, { concurrency, batch, work, started, finished, pass }) {
  let running = 0;
  let requests = 0;
  let claiming = false;
  let again = false;
  let stopped = false;
  let completed;
  let failed;
  let drained;

  async function perform(claim) {
    const job = JSON.parse(Buffer.from(claim.job.spec).toString());
    started(job);
    if (pass) await pass(claim);
    if (work) await work(job);
    finished(job);
    await succeed(store, worker, claim);
    running -= 1;
    completed(job);
    if (stopped && running === 0) drained?.();
    fill();
  }

  async function claimMore() {
    if (claiming) {
      again = true;
      return;
    }
    claiming = true;
    do {
      again = false;
      const limit = Math.min(batch, concurrency - running);
      if (limit === 0 || stopped) break;
      const { claims, answer } = await store.leases.claim(worker, limit, `claim-${requests++}`);
      running += claims.length;
      for (const claim of claims) perform(claim).catch(failed);
      again ||= claims.length === limit || answer === "MORE";
    } while (again);
    claiming = false;
  }

  // As in our worker, whose loop wakes behind all the ends that one call told.
  const fill = () => process.nextTick(() => void claimMore().catch(failed));
  const unhint = await store.leases.onHint(worker, (hint) => hint.kind === "work" && fill());
  const poll = setInterval(fill, 1_000);
  return {
    start(onCompleted, onFailed) {
      completed = onCompleted;
      failed = onFailed;
      fill();
    },
    async stop() {
      stopped = true;
      clearInterval(poll);
      await unhint();
      if (running > 0) await new Promise((done) => (drained = done));
    },
  };
}
