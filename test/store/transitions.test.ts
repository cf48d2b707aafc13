import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { allowedMoves, isFinal, type JobState, jobStates } from "../../src/domain/job-state.js";
import { type AttemptEnd, type Holder, StoreError } from "../../src/store/store.js";
import { bury, claimOne, newJob, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

/**
 * State × operation × fence: what every operation does to a job in every state, called by the one that holds it, by one
 * that held it before, and by one that never did. The whole of Redis is compared before and after.
 */
let at: TestStore;
const w1 = worker("w1");
const w2 = worker("w2");

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(async () => {
  await at.empty();
  await at.store.leases.register(w1);
  await at.store.leases.register(w2);
});

const how = { interruptRunning: true, caller: "ann", reason: "" } as const;

function endOf(verdict: AttemptEnd["verdict"]): AttemptEnd {
  const error = { reason: "DISCONNECTED", message: "gone" };
  return {
    verdict,
    intendedStep: 1,
    confirmedStep: 0,
    retryInMs: 1_000,
    keepDevice: true,
    ...(verdict === "SUCCEEDED" ? {} : { error }),
  };
}

interface Subject {
  readonly id: string;
  /** Who holds it, or held it last; for what never ran, somebody with a fence of its own. */
  readonly current: Holder;
  /** Who held it in an earlier attempt. */
  readonly stale: Holder;
}

/** A job of at-most-once work in this state, that one worker has lost before. */
async function jobIn(state: JobState): Promise<Subject> {
  const { jobs, leases, upkeep } = at.store;
  const { id } = (await jobs.create(newJob(at.time.now, { effectClass: "AT_MOST_ONCE", queueTimeoutMs: 60_000 }))).job;
  const stale = (await claimOne(at.store, w2))!;
  await leases.finish(stale, endOf("REQUEUE"));
  await leases.release(w2, [stale.endpoint]);
  const waiting = { id, stale, current: { ...stale, worker: "w1", fence: "1000" } };
  switch (state) {
    case "QUEUED":
      return waiting;
    case "EXPIRED":
      at.time.now += 60_000;
      await upkeep.tick("default");
      return waiting;
    default:
  }
  const current = (await claimOne(at.store, w1))!;
  if (state === "DELAYED") await leases.finish(current, endOf("RETRY"));
  if (state === "CANCELLING") await jobs.cancel(id, how);
  if (state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED" || state === "INDETERMINATE") {
    await leases.finish(current, endOf(state));
  }
  return { id, stale, current };
}

/** What comes out of an operation: the state after it, or "same" when nothing in Redis may have changed. */
type Outcome = JobState | "same" | "touched";

const runs = ["RUNNING", "CANCELLING"] as const;
const isRunning = (state: JobState): boolean => runs.some((one) => one === state);

type Fence = "current" | "late" | "stale" | "none";

interface Operation {
  readonly name: string;
  /** "touched": it writes, and the state stays. */
  readonly outcome: (from: JobState) => Outcome;
  readonly run: (holder: Holder) => Promise<unknown>;
}

const verdicts = ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "INDETERMINATE", "RETRY", "REQUEUE"] as const;
const facts = [{ kind: "log", level: "info", message: "so" }] as const;

/** What a job that was asked to stop becomes instead, when nothing was sent. */
function ended(verdict: AttemptEnd["verdict"], from: JobState): JobState {
  const stopped = from === "CANCELLING";
  switch (verdict) {
    case "RETRY":
      return stopped ? "CANCELLED" : "DELAYED";
    case "REQUEUE":
      return stopped ? "CANCELLED" : "QUEUED";
    case "EXPIRED":
      return stopped ? "CANCELLED" : "EXPIRED";
    default:
      return verdict;
  }
}

/** Operations about a running job: they need the fence. */
const fenced: readonly Operation[] = [
  {
    name: "intent",
    outcome: (from) => (from === "RUNNING" ? "touched" : "same"),
    run: (holder) => at.store.leases.intent(holder, 1),
  },
  {
    name: "append",
    outcome: (from) => (isRunning(from) ? "touched" : "same"),
    run: (holder) => at.store.leases.append(holder, { number: 1, facts, output: Buffer.from("so") }),
  },
  ...verdicts.map((verdict) => ({
    name: `finish ${verdict}`,
    outcome: (from: JobState) => (isRunning(from) ? ended(verdict, from) : "same"),
    run: (holder: Holder) => at.store.leases.finish(holder, endOf(verdict)),
  })),
];

/** Operations that everybody may ask for. */
const open: readonly {
  readonly name: string;
  readonly outcome: (from: JobState) => Outcome;
  readonly run: (job: Subject) => Promise<unknown>;
}[] = [
  {
    name: "cancel",
    outcome: (from) =>
      from === "RUNNING" ? "CANCELLING" : from === "QUEUED" || from === "DELAYED" ? "CANCELLED" : "same",
    run: ({ id }) => at.store.jobs.cancel(id, how),
  },
  {
    name: "cancel what waits",
    outcome: (from) => (from === "QUEUED" || from === "DELAYED" ? "CANCELLED" : "same"),
    run: ({ id }) => at.store.jobs.cancel(id, { ...how, interruptRunning: false }),
  },
  {
    name: "resolve",
    outcome: (from) => (from === "INDETERMINATE" ? "touched" : "same"),
    run: ({ id }) => at.store.jobs.resolve(id, { kind: "APPLIED", resolver: "ann", reason: "" }),
  },
  {
    name: "delete",
    outcome: (from) => (isFinal(from) && from !== "INDETERMINATE" ? "touched" : "same"),
    run: ({ id }) => at.store.jobs.mark(id, true),
  },
  {
    name: "expire",
    outcome: (from) => (from === "QUEUED" || from === "DELAYED" ? "EXPIRED" : "same"),
    run: () => {
      at.time.now += 60_000;
      return at.store.upkeep.tick("default");
    },
  },
  {
    name: "come due",
    outcome: (from) => (from === "DELAYED" ? "QUEUED" : "same"),
    run: () => {
      at.time.now += 1_500;
      return at.store.upkeep.tick("default");
    },
  },
  {
    name: "release",
    outcome: (from) => (isRunning(from) || from === "QUEUED" || from === "EXPIRED" ? "same" : "touched"),
    run: ({ current }) => at.store.leases.release(w1, [current.endpoint]),
  },
  {
    name: "reap by a beat that has moved on",
    outcome: () => "same",
    run: () => at.store.upkeep.reap("default", "w1", 99, 10),
  },
  {
    name: "reap",
    outcome: (from) => (from === "RUNNING" ? "QUEUED" : from === "CANCELLING" ? "CANCELLED" : "touched"),
    run: () => bury(at.store, "w1"),
  },
  {
    name: "retry",
    outcome: (from) => (isFinal(from) && from !== "INDETERMINATE" ? "touched" : "same"),
    run: ({ id }) => at.store.jobs.create(newJob(at.time.now, { retryOf: id })),
  },
];

/** Does it and tells what became of the job; answers of refusal are as good as others. */
async function outcomeOf(id: string, from: JobState, act: () => Promise<unknown>): Promise<Outcome> {
  expect((await at.store.jobs.get(id))?.state).toBe(from);
  const before = await at.dump();
  try {
    await act();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
  const state = (await at.store.jobs.get(id))?.state ?? "same";
  if (state !== from) {
    expect(allowedMoves[from], `${from} → ${state}`).toContain(state);
    return state;
  }
  try {
    expect(await at.dump()).toEqual(before);
    return "same";
  } catch {
    return "touched";
  }
}

describe.each(jobStates)("a job that is %s", (from) => {
  const fences: readonly Fence[] = ["current", "late", "stale", "none"];
  test.each(fenced.flatMap((operation) => fences.map((fence) => [operation.name, fence, operation] as const)))(
    "%s, by a holder with %s fence",
    async (_name, fence, operation) => {
      const { id, current, stale } = await jobIn(from);
      const none = { ...current, worker: "w2", fence: "999" };
      // The same worker again, about an attempt of its own that is over.
      const late = { ...current, fence: stale.fence };
      const holder = { current, late, stale, none }[fence];
      const outcome = await outcomeOf(id, from, () => operation.run(holder));
      expect(outcome).toBe(fence === "current" ? operation.outcome(from) : "same");
    },
  );

  test.each(open.map((operation) => [operation.name, operation] as const))("%s", async (_name, operation) => {
    const job = await jobIn(from);
    expect(await outcomeOf(job.id, from, () => operation.run(job))).toBe(operation.outcome(from));
  });
});

test("reaping at-most-once work past its point of no return, also while it was being cancelled, is INDETERMINATE", async () => {
  for (const stop of [false, true]) {
    const job = (
      await at.store.jobs.create(newJob(at.time.now, { effectClass: "AT_MOST_ONCE", endpoint: `r${stop}:22` }))
    ).job;
    const by = stop ? w2 : w1;
    const holder = (await claimOne(at.store, by))!;
    expect(await at.store.leases.intent(holder, 1)).toMatchObject({ answer: "OK" });
    if (stop) await at.store.jobs.cancel(job.id, how);
    const from = stop ? "CANCELLING" : "RUNNING";
    expect(await outcomeOf(job.id, from, () => bury(at.store, by.name))).toBe("INDETERMINATE");
  }
});
