import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRunId, jobStamp } from "../../src/domain/job-id.js";
import type { RunState } from "../../src/domain/run-state.js";
import { decideDue, nextAfterEnd, nextTime } from "../../src/domain/schedule-plan.js";
import type { ScheduleRule } from "../../src/domain/schedule.js";
import { deliveryId } from "../../src/store/delivery-id.js";
import type { Problem } from "../../src/store/fsck.js";
import { scheduledRunId } from "../../src/store/scheduled-run-id.js";
import { StoreError } from "../../src/store/store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { systemRandom } from "../../src/system/random.js";
import { openTestStore, type TestStore } from "../support/store.js";

const calendar = createCalendar();
let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

const dayMs = 86_400_000;
const names = ["s1", "s2", "s3"];
const hooks = ["a", "b"];
const runIds: string[] = [];
/** Anything may be asked for at any time: what the store refuses changes nothing. */
const refusals = /^(SCHEDULE|WEBHOOK|RUN)_/;

function ruleOf(n: number): ScheduleRule {
  const overlap = (["SKIP", "QUEUE_ONE", "ALLOW", "CANCEL_PREVIOUS"] as const)[n % 4]!;
  const misfire = (["ONE", "ALL", "SKIP"] as const)[n % 3]!;
  const timing = { kind: "interval", every: "every 1 minutes", periodMs: 60_000, startNow: false } as const;
  return {
    timing: { ...timing, fixedDelay: n % 5 === 0 },
    ...{ jitterMs: n % 2 === 0 ? 0 : 5_000, overlap, misfire, windowMs: 3_600_000, pauseAfterFailures: n % 3 },
  };
}

/** One step of somebody: `n` decides who and with what. */
const steps: Readonly<Record<string, (n: number) => Promise<unknown>>> = {
  async create(n) {
    const name = names[n % 3]!;
    const clock = { uid: `${name}-${at.time.now}`, rule: ruleOf(n), anchorMs: at.time.now };
    const next = nextTime(calendar, clock, at.time.now);
    const body = { ...clock, name, creator: "ann", run: new Uint8Array([1]), labels: {}, description: "" };
    await at.store.schedules.create({ ...body, ...(next && { next }) });
  },
  async remove(n) {
    // Seldom: what is taken away at once comes to nothing.
    if (n % 5 === 0) await at.store.schedules.remove(names[n % 3]!);
  },
  async pause(n) {
    const why = { caller: "ann", note: "", timeMs: at.time.now };
    if (n % 4 === 0) await at.store.schedules.pause(names[n % 3]!, why);
  },
  async resume(n) {
    const schedule = await at.store.schedules.get(names[n % 3]!);
    if (!schedule) return;
    const next = nextTime(calendar, schedule, at.time.now);
    await at.store.schedules.resume(schedule.name, schedule.version, next);
  },
  async wait(n) {
    at.time.now += [1_000, 60_000, 300_000][n % 3]!;
  },
  async fire() {
    const { schedules, nowMs } = await at.store.schedules.due(10);
    for (const schedule of schedules) {
      if (schedule.nextMs === undefined) continue;
      const decision = decideDue(calendar, schedule, schedule.nextMs, nowMs, 20);
      const fire = decision.fire.map((one) => ({ ...one, run: scheduledRunId(schedule.uid, one.timeMs) }));
      await at.store.schedules.fire(schedule, { ...decision, fire });
    }
  },
  async trigger(n) {
    const schedule = await at.store.schedules.get(names[n % 3]!);
    if (!schedule) return;
    const run = scheduledRunId(schedule.uid, at.time.now, `${n}`);
    await at.store.schedules.request(schedule, {
      cause: "TRIGGER",
      caller: "ann",
      runs: [{ timeMs: at.time.now, run }],
    });
  },
  async start(n) {
    for (const { run } of await at.store.schedules.takeFirings(1 + (n % 5), 10_000)) {
      if (n % 4 > 0) await at.store.schedules.started(run);
      else await at.store.schedules.refused(run, { reason: "NO_TARGETS", message: "" }, { pauseAfterFailures: n % 3 });
    }
  },
  async end(n) {
    for (const { run, schedule: name } of await at.store.schedules.takeLive(1 + (n % 3), 0)) {
      const schedule = await at.store.schedules.get(name);
      const succeeded = n % 2 === 0;
      const end = { state: (succeeded ? "SUCCEEDED" : "FAILED") as RunState, endMs: at.time.now, complete: true };
      const next = schedule && nextAfterEnd(schedule, at.time.now);
      const goOn = { pauseAfterFailures: schedule?.rule.pauseAfterFailures ?? 0, ...(next && { next }) };
      await at.store.schedules.ended(name, run, { ...end, succeeded }, goOn);
    }
  },

  async createRun(n) {
    const id = createRunId(at.time.now, systemRandom);
    const rollout = {
      ...{ canary: 0, batchSize: 0, maxParallel: 0, laneLimits: [], grouped: false, pauseMs: 0 },
      ...{ holdAfterCanary: false, maxFailures: 0, maxFailurePercent: 0, minSuccessPercent: 0, pauseOnFailure: false },
    };
    const targets = Array.from({ length: 1 + (n % 120) }, (_, i) => ({ name: `r${i}`, zone: "default" }));
    await at.store.runs.create({ id, creator: "ann", spec: new Uint8Array([1]), rollout, labels: {}, targets });
    runIds.push(id);
  },
  async startTargets(n) {
    const id = runIds[n % runIds.length];
    if (id === undefined) return;
    const start = [n, n + 1, n * 7].map((index) => ({ index: index % 130, stamp: jobStamp(at.time.now, 0) }));
    await at.store.runs.change(id, await at.store.runs.revision(id), { start });
  },
  async endTargets(n) {
    const id = runIds[n % runIds.length];
    if (id === undefined) return;
    const states = ["SUCCEEDED", "FAILED", "EXPIRED", "CANCELLED"] as const;
    await at.store.runs.end(
      id,
      [n, n + 1, n + 1].map((index) => ({ index: index % 130, state: states[n % 4]! })),
    );
  },
  async endRun(n) {
    const id = runIds[n % runIds.length];
    if (id === undefined) return;
    const state = (["SUCCEEDED", "STOPPING", "CANCELLED", "PAUSED"] as const)[n % 4]!;
    await at.store.runs.change(id, await at.store.runs.revision(id), { state, leaveRest: n % 2 === 0 });
  },
  retain: () => at.store.runs.retain({ succeededMs: 60_000, failedMs: 300_000 }),

  createHook: (n) =>
    at.store.webhooks.create({
      ...{ name: hooks[n % 2]!, uid: `uid-${hooks[n % 2]}-${at.time.now}`, url: "https://hook.example/" },
      ...{ retryForMs: [60_000, dayMs][n % 2]!, creator: "ann", sealed: new Uint8Array([1]) },
      filter: { events: [], queues: [], labels: {}, devices: [], zones: [] },
    }),
  removeHook: (n) => at.store.webhooks.remove(hooks[n % 2]!),
  async tell(n) {
    for (const { uid, retryForMs } of await at.store.webhooks.list()) {
      const subject = `j${n % 20}`;
      const made = { uid, kind: "job.failed" as const, eventMs: at.time.now, deadlineMs: at.time.now + retryForMs };
      await at.store.webhooks.add([{ ...made, id: deliveryId(uid, "job.failed", subject), subject, body: "{}" }]);
    }
  },
  async deliver(n) {
    const all = await at.store.webhooks.list();
    const taken = await at.store.webhooks.take(
      all.map(({ uid }) => ({ uid, room: 1 + (n % 4) })),
      15_000,
    );
    const outcomes = [
      { kind: "delivered" },
      { kind: "retry", afterMs: 30_000 },
      { kind: "dead", reason: "GONE" },
      undefined,
    ] as const;
    for (const one of taken) {
      const outcome = outcomes[n % 4];
      if (outcome) await at.store.webhooks.settle(one, outcome, { durationMs: 1, status: 200 });
    }
  },
  redeliver: (n) => at.store.webhooks.redeliver(hooks[n % 2]!, "dead"),
  sweep: () => at.store.webhooks.sweep(),
};

test("whatever is done with schedules, runs and webhooks, what the store keeps of them agrees", async () => {
  const often = ["create", "resume", "wait", "fire", "wait", "fire", "start", "end", "tell", "deliver"];
  const step = fc.tuple(fc.constantFrom(...Object.keys(steps), ...often), fc.nat(1_000));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 100, maxLength: 250 }), async (history) => {
      await at.empty();
      runIds.length = 0;
      for (const [what, n] of history) {
        await steps[what]!(n).catch((error: unknown) => {
          if (!(error instanceof StoreError && refusals.test(error.reason))) throw error;
        });
      }
      const problems: Problem[] = [];
      await at.store.fsck.checkInstallation({ repair: false, report: (problem) => problems.push(problem) });
      expect(problems).toEqual([]);
    }),
    { numRuns: 50, endOnFailure: true },
  );
});
