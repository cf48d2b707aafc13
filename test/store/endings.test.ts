import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { allowedMoves, isFinal, jobStates } from "../../src/domain/job-state.js";
import { createKeySpace, keyOf } from "../../src/store/keys.js";
import { beatOf, bury, claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");
const w2 = worker("w2");

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(async () => {
  await at.empty();
});

const amo = { effectClass: "AT_MOST_ONCE" } as const;

async function started(part: Parameters<typeof newJob>[1] = {}, by = w1) {
  await at.store.leases.register(by);
  await at.store.jobs.create(newJob(at.time.now, part));
  const holder = await claimOne(at.store, by);
  if (!holder) throw new Error("nothing was claimed");
  return holder;
}

const figures = { running: 1, sessions: 1, closing: false, draining: false, succeeded: 0, failed: 0 };
const hashOf = (name: string): string => keyOf(createKeySpace("pm").zone("default"), "worker", name);

const cancelNow = { interruptRunning: true, caller: "ann", reason: "changed my mind" } as const;

describe("the point of no return", () => {
  test("a worker lost before it: the work goes to another, also a change, and the attempt does not count", async () => {
    const lost = await started(amo);
    await at.store.leases.register(w2);
    await bury(at.store, "w1");
    const again = (await claimOne(at.store, w2))!;
    expect(again.job).toBe(lost.job);
    const { attempts, state } = (await at.store.jobs.get(lost.job))!;
    expect(state).toBe("RUNNING");
    expect(attempts).toMatchObject([{ worker: "w1", error: { reason: "WORKER_LOST" } }, { worker: "w2" }]);
    expect(BigInt(again.fence)).toBeGreaterThan(BigInt(lost.fence));
  });

  test("a worker lost after it: INDETERMINATE and the device held, in the same step, until it is resolved", async () => {
    const lost = await started(amo);
    expect(await at.store.leases.intent(lost, 1)).toMatchObject({ answer: "OK" });
    await at.store.leases.register(w2);
    const change = (await at.store.jobs.create(newJob(at.time.now, amo))).job;
    const read = (await at.store.jobs.create(newJob(at.time.now))).job;
    await bury(at.store, "w1");
    expect(await at.store.jobs.get(lost.job)).toMatchObject({
      state: "INDETERMINATE",
      error: { reason: "WORKER_LOST" },
      intendedStep: 1,
      confirmedStep: 0,
    });
    expect(await at.store.devices.status("default", lost.endpoint)).toMatchObject({ hold: { job: lost.job } });
    expect(await at.store.jobs.waiting([change, read])).toEqual([
      { reason: "HELD", blockingJob: lost.job, position: 1 },
      { reason: "CLAIM", position: 1 },
    ]);
    const passing = (await claimOne(at.store, w2))!;
    expect(passing.job).toBe(read.id);
    await succeed(at.store, passing);
    expect(await claimOne(at.store, w2)).toBeUndefined();

    const verdict = { kind: "NOT_APPLIED", resolver: "ann", reason: "looked at the device" } as const;
    const until = at.time.now + 1_000;
    const early = at.store.jobs.resolve(lost.job, verdict, until);
    await expect(early).rejects.toMatchObject({ reason: "CONFIRM_TIMER_RUNNING" });
    expect((await at.store.devices.status("default", "10.0.0.1:22")).hold?.job).toBe(lost.job);
    at.time.now = until;
    expect(await at.store.jobs.resolve(lost.job, verdict, until)).toMatchObject({
      state: "INDETERMINATE",
      resolution: verdict,
    });
    await expect(at.store.jobs.resolve(lost.job, verdict)).rejects.toMatchObject({ reason: "JOB_ALREADY_RESOLVED" });
    expect((await claimOne(at.store, w2))?.job).toBe(change.id);
  });

  test("read-only work goes round again whenever its worker is lost, until ten were", async () => {
    const { job } = await started();
    for (let losses = 0; losses < 10; losses++) {
      await bury(at.store, `w${losses === 0 ? 1 : `x${losses}`}`);
      await at.store.leases.register(worker(`wx${losses + 1}`));
      expect((await claimOne(at.store, worker(`wx${losses + 1}`)))?.job).toBe(job);
    }
    await bury(at.store, "wx10");
    expect(await at.store.jobs.get(job)).toMatchObject({ state: "FAILED", error: { reason: "WORKER_LOST" } });
  });

  test("no intent for a job that was cancelled or whose queue timeout has passed meanwhile", async () => {
    const stale = await started({ ...amo, queueTimeoutMs: 5_000 });
    at.time.now += 5_000;
    expect(await at.store.leases.intent(stale, 1)).toMatchObject({ answer: "EXPIRED" });
    const end = { verdict: "EXPIRED", effect: "NONE", intendedStep: 0, confirmedStep: 0, keepDevice: true } as const;
    expect(await at.store.leases.finish(stale, end)).toBe("OK");
    const unwanted = await started(amo);
    expect(await at.store.jobs.cancel(unwanted.job, cancelNow)).toBe("CANCELLING");
    expect(await at.store.leases.intent(unwanted, 1)).toMatchObject({ answer: "CANCELLED" });
  });
});

describe("a late writer", () => {
  test("is FENCED in every write, and leaves no trace", async () => {
    const late = await started();
    await at.store.leases.register(w2);
    await bury(at.store, "w1");
    await claimOne(at.store, w2);
    const before = await at.dump();
    const output = new TextEncoder().encode("late");
    const facts = [{ kind: "output", command: 1, offset: 0, length: 4 }] as const;
    expect(await at.store.leases.intent(late, 1)).toMatchObject({ answer: "FENCED" });
    expect(await at.store.leases.append(late, { number: 1, facts, output })).toBe("FENCED");
    expect(await succeed(at.store, late)).toBe("FENCED");
    expect(await at.store.leases.beat(w1, figures)).toEqual({ answer: "DEAD" });
    expect(await at.store.leases.claim(w1, 1, "late")).toEqual({ answer: "DEAD", claims: [] });
    await expect(at.store.leases.register(w1)).rejects.toThrow("buried");
    expect(await at.dump()).toEqual(before);
  });

  test("a worker is not buried when it beat meanwhile", async () => {
    const { job } = await started();
    const seen = await beatOf(at.store, "w1");
    await at.store.leases.beat(w1, figures);
    expect(await at.store.upkeep.reap("default", "w1", seen, 100)).toEqual({ buried: false, left: 0 });
    expect((await at.store.jobs.get(job))?.state).toBe("RUNNING");
  });

  test("nor when it beat after a loss of data, as often as a reaper had seen it do before", async () => {
    await started();
    const forgotten = await at.redis.dumpBuffer(hashOf("w1"));
    at.time.now += 3_000;
    await at.store.leases.beat(w1, figures);
    const seen = await beatOf(at.store, "w1");
    await at.redis.restore(hashOf("w1"), 0, forgotten, "REPLACE");
    at.time.now += 3_000;
    await at.store.leases.beat(w1, figures);
    expect(await at.store.upkeep.reap("default", "w1", seen, 100)).toEqual({ buried: false, left: 0 });
  });
});

describe("cancelling", () => {
  test("what waits is cancelled; what runs is left alone unless asked, and then its worker is told with every beat", async () => {
    const running = await started();
    const waiting = (await at.store.jobs.create(newJob(at.time.now))).job.id;
    const later = (await at.store.jobs.create(newJob(at.time.now, { startAfterMs: at.time.now + 1_000 }))).job.id;
    const onlyWaiting = { ...cancelNow, interruptRunning: false };
    expect(await at.store.jobs.cancel(waiting, onlyWaiting)).toBe("CANCELLED");
    expect(await at.store.jobs.cancel(later, onlyWaiting)).toBe("CANCELLED");
    expect(await at.store.jobs.cancel(waiting, onlyWaiting)).toBe("FINAL");
    expect(await at.store.jobs.cancel(running.job, onlyWaiting)).toBe("RUNNING");
    expect(await at.store.jobs.cancel(running.job, cancelNow)).toBe("CANCELLING");
    for (let beat = 0; beat < 2; beat++) {
      expect(await at.store.leases.beat(w1, figures)).toMatchObject({ answer: "OK", cancels: [running.job] });
    }
    const retry = { verdict: "RETRY", intendedStep: 0, confirmedStep: 0, retryInMs: 1, keepDevice: true } as const;
    expect(await at.store.leases.finish(running, retry)).toBe("OK");
    expect(await at.store.jobs.get(running.job)).toMatchObject({ state: "CANCELLED", effect: "NONE" });
    expect(await at.store.leases.beat(w1, figures)).toMatchObject({ answer: "OK", cancels: [] });
  });

  test("a running job whose worker is lost while it was being cancelled ends CANCELLED when nothing was sent", async () => {
    const running = await started(amo);
    await at.store.jobs.cancel(running.job, cancelNow);
    await bury(at.store, "w1");
    expect((await at.store.jobs.get(running.job))?.state).toBe("CANCELLED");
  });
});

describe("history", () => {
  test("events are numbered from 1 without gaps, and only allowed moves are in them", async () => {
    const holder = await started(amo);
    await at.store.leases.intent(holder, 1);
    const output = new TextEncoder().encode("hello");
    const facts = [
      { kind: "started", command: 1, line: "show clock" },
      { kind: "output", command: 1, offset: 0, length: 5 },
      { kind: "ended", command: 1, status: "OK", errorLines: [], durationMs: 3 },
    ] as const;
    const part = { number: 1, facts, output, intendedStep: 1, confirmedStep: 1 };
    expect(await at.store.leases.append(holder, part)).toBe("OK");
    // Its answer was lost, so the worker sends it again.
    expect(await at.store.leases.append(holder, part)).toBe("OK");
    await succeed(at.store, holder);
    const { events, first, last } = await at.store.jobs.events(holder.job, 1, 100);
    expect(events.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
    expect([first, last]).toEqual([1, 6]);
    expect(events.slice(2, 5).map(({ fact }) => fact)).toEqual(facts);
    const states = events.flatMap(({ fact }) => (fact.kind === "state" ? [fact.state] : []));
    expect(states).toEqual(["QUEUED", "RUNNING", "SUCCEEDED"]);
    for (let i = 1; i < states.length; i++) expect(allowedMoves[states[i - 1]!]).toContain(states[i]);
    expect(Buffer.from((await at.store.jobs.output(holder.job, 0, 5))!).toString()).toBe("hello");
    expect(await at.store.jobs.output(holder.job, 3, 5)).toBeUndefined();
    expect((await at.store.jobs.events(holder.job, 4, 2)).events.map(({ number }) => number)).toEqual([4, 5]);
  });

  test("the sealed secret of an inline endpoint is erased with the end of its job, however it ends", async () => {
    const sealedSecret = new Uint8Array([1, 2, 3]);
    const holder = await started({ sealedSecret });
    expect(await at.redis.keys("*secret*")).toHaveLength(1);
    await succeed(at.store, holder);
    expect(await at.redis.keys("*secret*")).toHaveLength(0);
    const { job } = await at.store.jobs.create(newJob(at.time.now, { sealedSecret }));
    await at.store.jobs.cancel(job.id, cancelNow);
    expect(await at.redis.keys("*secret*")).toHaveLength(0);
  });

  test("when all has ended, no line, owner, run or due time is left of it", async () => {
    const holder = await started();
    await at.store.jobs.create(newJob(at.time.now));
    await succeed(at.store, holder, false);
    await succeed(at.store, (await claimOne(at.store, w1))!, false);
    await at.store.leases.retire(w1);
    const left = Object.keys(await at.dump()).filter(
      (key) => !/:(job|events|ix|feed|worker|workers|graves|done|fence|order|zones|gate)/.test(key),
    );
    expect(left.filter((key) => key !== "{pm:default}:ep:10.0.0.1:22")).toEqual([]);
    expect(await at.redis.hkeys("{pm:default}:ep:10.0.0.1:22")).toEqual(["f"]);
  });
});

describe("request ids", () => {
  const idempotency = { scope: "ann/CreateJob", requestId: "r-1", fingerprint: "abc" };

  test("the same request twice, also at the same instant, is one job", async () => {
    const both = await Promise.all([0, 1].map(() => at.store.jobs.create(newJob(at.time.now, { idempotency }))));
    expect(both.map(({ replayed }) => replayed).sort()).toEqual([false, true]);
    expect(both[0]?.job.id).toBe(both[1]?.job.id);
    expect((await at.store.jobs.count({})).get("QUEUED")).toBe(1);
  });

  test("another body under the same id is refused and changes nothing; another caller's id is another id", async () => {
    await at.store.jobs.create(newJob(at.time.now, { idempotency }));
    const before = await at.dump();
    const other = newJob(at.time.now, { idempotency: { ...idempotency, fingerprint: "xyz" } });
    await expect(at.store.jobs.create(other)).rejects.toMatchObject({ reason: "REQUEST_ID_REUSED" });
    expect(await at.dump()).toEqual(before);
    const bob = newJob(at.time.now, { idempotency: { ...idempotency, scope: "bob/CreateJob" } });
    expect((await at.store.jobs.create(bob)).replayed).toBe(false);
  });

  test("one that joined a job late is kept for its seven days as well when retention purges the job", async () => {
    const day = 86_400_000;
    const live = { dedupe: { key: "k", policy: "JOIN" }, startAfterMs: at.time.now + 10 * day } as const;
    const { job } = await at.store.jobs.create(newJob(at.time.now, live));
    at.time.now += 9 * day;
    await at.store.jobs.create(newJob(at.time.now, { ...live, idempotency }));
    await at.store.jobs.cancel(job.id, { interruptRunning: false, caller: "ann", reason: "" });
    at.time.now += 3 * day;
    const rule = { succeededMs: 3 * day, failedMs: 3 * day, jobs: 100, outputBytes: 1e9 };
    expect(await at.store.upkeep.retain("default", rule)).toBe(1);
    const [request = ""] = await at.redis.keys("{pm:default}:request:*");
    expect(await at.redis.pttl(request)).toBeGreaterThan(3.9 * day);
  });
});

test("the table of moves knows every state, and final states have no way out", () => {
  for (const state of jobStates) {
    for (const to of allowedMoves[state]) expect(jobStates).toContain(to);
    expect(isFinal(state)).toBe(["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "INDETERMINATE"].includes(state));
  }
});

test("of an intent that Redis forgot, and a journal told, the step is known when its worker is lost", async () => {
  const { job: id, worker: name, fence } = await started(amo);
  const job = (await at.store.jobs.get(id))!;
  const fact = { job, worker: name, fence, intendedStep: 2, requests: [], live: false };
  expect(await at.store.leases.replay("default", [fact])).toBe(1);
  await bury(at.store, name);
  expect(await at.store.jobs.get(id)).toMatchObject({ state: "INDETERMINATE", intendedStep: 2 });
});

test("a device that a journal gives back to its worker is on offer to nobody else", async () => {
  const holder = await started(amo);
  const job = (await at.store.jobs.get(holder.job))!;
  const { history } = (await at.store.leases.register(w2)).toTell;
  await at.store.jobs.create(newJob(at.time.now, amo));
  // Redis forgot that it runs, and let the device go.
  await at.store.leases.settle(w1, history, []);
  await at.store.leases.release(w1, [holder.endpoint]);
  const fact = { job, worker: w1.name, fence: holder.fence, intendedStep: 1, requests: [], live: true };
  expect(await at.store.leases.replay("default", [fact])).toBe(1);
  const problems: unknown[] = [];
  await at.store.fsck.check("default", { repair: false, report: (problem) => problems.push(problem) });
  expect(problems).toEqual([]);
  await succeed(at.store, holder);
  expect(await claimOne(at.store, w2)).toBeUndefined();
  at.time.now += 5_001;
  await at.store.upkeep.tick("default");
  const second = (await claimOne(at.store, w2))!;
  at.time.now += 5_001;
  await at.store.upkeep.tick("default");
  expect(await at.store.leases.intent(second, 1)).toMatchObject({ answer: "OK" });
});
