import fc from "fast-check";
import { isFinal } from "../../../src/domain/job-state.js";
import type { JournalFact, Store } from "../../../src/store/store.js";
import { index, one, step } from "./step.js";
import { both, type Memory, reconcile as reconcileBoth, register as registerBoth, same, type World } from "./world.js";

const zone = "default";
/** A worker that a server remembers and the store does not. */
const forgotten = "w99";

/** Redis comes back as another process; `ageMs` says how old its data is. */
const newHistory = fc.constantFrom(0, 0, 0, 700_000).map((ageMs) =>
  step("newHistory", ageMs, async (world) => {
    const { gate } = world.model.zone;
    const markMs = Math.floor(world.at.time.now) - ageMs;
    Object.assign(gate, { id: "another", ...(ageMs > 0 ? { markMs } : {}) });
    await world.at.redis.hset(`${world.root}:gate`, { id: "another", ...(ageMs > 0 ? { mark: markMs } : {}) });
  }),
);

const memories: readonly Memory[] = ["nothing", "last", "last", "another history", ["w1"], [forgotten, "w2"]];

const reconcile = fc.tuple(fc.constantFrom(0, 1_000, 5_000, 30_000), fc.constantFrom(...memories)).map((arg) =>
  step("reconcile", arg, async (world) => {
    world.at.time.now += arg[0];
    await reconcileBoth(world, arg[1]);
  }),
);

/** A worker that nobody has seen or written down. */
const registerUnseen = index.map((arg) =>
  step("registerUnseen", arg, async (world) => {
    await registerBoth(world, one(world.workers, arg), true);
  }),
);

const ends: readonly JournalFact["end"][] = [
  undefined,
  { verdict: "SUCCEEDED", effect: "COMPLETE", intendedStep: 2, confirmedStep: 2 },
  { verdict: "FAILED", effect: "NONE", intendedStep: 2, confirmedStep: 1, error: { reason: "R", message: "m" } },
  { verdict: "INDETERMINATE", intendedStep: 2, confirmedStep: 1, error: { reason: "R", message: "m" } },
];

/** Tells what journals know: of attempts the store knows, or of later ones of the same jobs that it does not. */
const replay = fc
  .array(fc.tuple(index, fc.constantFrom(0, 0, 1, 2_000_000), fc.boolean(), fc.constantFrom(...ends)), {
    minLength: 1,
    maxLength: 3,
  })
  .map((arg) =>
    step(
      "replay",
      arg,
      async (world) => {
        const told = arg.map(([which, later, live, end]) => {
          const { fact, real, model } = one([...world.intents].reverse(), which);
          const fence = String(Number(fact.fence) + later);
          const job = later > 0 ? { ...fact.job, attempt: fact.job.attempt + 1 } : fact.job;
          return { fact: { ...fact, job, fence, live, ...(end && { end }) }, real, model };
        });
        const tell = async ({ leases }: Pick<Store, "leases">, whose: "real" | "model") =>
          leases.replay(
            zone,
            told.map(({ fact, [whose]: requests }) => ({ ...fact, requests })),
          );
        same(await tell(world.real, "real"), await tell(world.model as unknown as Store, "model"));
        for (const { fact } of told) {
          const { job, worker, fence } = fact;
          if (fact.live) world.holders.push({ zone, worker, job: job.id, endpoint: job.endpoint, fence });
        }
      },
      ({ intents }) => intents > 0,
    ),
  );

/** Tells of an attempt that the store forgot from its claim on: the job waits, or an earlier attempt of it runs. */
const replayForgotten = fc.tuple(index, index, fc.boolean(), fc.constantFrom(...ends)).map((arg) =>
  step(
    "replayForgotten",
    arg,
    async (world) => {
      const [which, by, live, end] = arg;
      const known = await world.real.jobs.get(one([...world.ids].reverse(), which));
      if (!known || isFinal(known.state)) return;
      const { name } = one(world.workers, by);
      const fence = String(world.model.zone.fence + 5);
      const job = { ...known, attempt: known.attempt + 1, startMs: Math.floor(world.at.time.now) };
      const fact = { job, worker: name, fence, intendedStep: 1, requests: [], live, ...(end && { end }) };
      await both(world, ({ leases }) => leases.replay(zone, [fact]));
      if (live) world.holders.push({ zone, worker: name, job: job.id, endpoint: job.endpoint, fence });
    },
    ({ jobs }) => jobs > 0,
  ),
);

/** Now and then a worker tells a history that is over. */
const told = fc.constantFrom("this", "this", "this", "another");

const settle = fc.tuple(index, fc.array(index, { maxLength: 2 }), told).map((arg) =>
  step("settle", arg, async (world) => {
    const [by, those, whom] = arg;
    const identity = one(world.workers, by);
    const its = world.holders.filter(({ worker }) => worker === identity.name).reverse();
    const live = new Map(those.flatMap((which) => (its.length > 0 ? [[one(its, which).job, one(its, which)]] : [])));
    const history = whom === "this" ? world.history : whom;
    await both(world, async ({ leases }) => (await leases.settle(identity, history, [...live.values()])).sort());
  }),
);

const noted = fc.tuple(index, fc.array(index, { minLength: 1, maxLength: 2 })).map((arg) =>
  step("noted", arg, async (world) => {
    const names = arg[1].map((which) => one(world.workers, which).name);
    await both(world, ({ leases }) => leases.noted(one(world.workers, arg[0]), names));
  }),
);

/** Also with newcomers in the journal: of a registration that is remembered, that may be forgotten, and of a later one. */
const replayed = fc
  .tuple(index, fc.array(index, { maxLength: 2 }), fc.boolean(), fc.array(fc.constantFrom(0, 1, 2_000_000)), told)
  .map((arg) =>
    step("replayed", arg, async (world) => {
      const names = [arg[0], ...arg[1]].map((which) => one(world.workers, which).name);
      if (arg[2]) names.push(forgotten);
      const last = world.model.zone.gate.regs ?? 0;
      const newcomers = arg[3].map((later, i) => ({ name: i % 2 === 0 ? `w${98 - i}` : "w2", number: last + later }));
      await both(world, ({ leases }) => {
        const history = arg[4] === "this" ? world.history : arg[4];
        return leases.replayed(one(world.workers, arg[0]), history, [...new Set(names)], newcomers);
      });
    }),
  );

const lift = fc.tuple(fc.option(index), fc.boolean()).map((arg) =>
  step("lift", arg, async (world: World) => {
    const [which, known] = arg;
    const name = known && which !== null ? one(world.workers, which).name : forgotten;
    const reason = which === null ? "restore" : `worker/${name}`;
    await both(world, ({ upkeep }) => upkeep.lift(zone, reason));
  }),
);

/** What can happen when Redis comes back with another history. */
export const gateSteps = {
  newHistory,
  reconcile,
  registerUnseen,
  replay,
  replayForgotten,
  settle,
  noted,
  replayed,
  lift,
};
