import fc from "fast-check";
import type { DedupePolicy, EffectClass, NewJob } from "../../../src/domain/job.js";
import type { AttemptEnd, JournalFact, Store } from "../../../src/store/store.js";
import { newJob } from "../../support/jobs.js";
import { hasClaims, holderChoice, holderOf } from "./holders.js";
import { index, one, type Seen, step } from "./step.js";
import {
  both,
  bothTogether,
  endpoints,
  queues,
  reap as reapBoth,
  register as registerBoth,
  same,
  setFreezes,
  type World,
  tasker,
} from "./world.js";
import { admit } from "./zone.js";

const device = fc.constantFrom(...endpoints);
const zone = "default";
const person = fc.constantFrom("ann", "bob");
const hasJobs = (seen: Seen): boolean => seen.jobs > 0;
/** Rarely: so that most histories stay simple. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
/** Mostly a device; now and then none, so that the job stands at an endpoint of its own. */
const place = fc.oneof({ weight: 6, arbitrary: device }, { weight: 1, arbitrary: fc.constant(undefined) });

const labels = { queue: fc.constantFrom(...queues), site: fc.constantFrom("a", "b") };

const newJobs = fc
  .record({
    endpoint: place,
    skill: seldom(fc.constantFrom("node/a", "node/b", "task/x")),
    effectClass: fc.constantFrom<EffectClass[]>("READ_ONLY", "AT_MOST_ONCE", "AT_MOST_ONCE", "IDEMPOTENT"),
    priority: fc.constantFrom(0, 0, 0, 1, -1),
    creator: person,
    queueTimeoutMs: fc.constantFrom(3_600_000, 3_600_000, 4_000),
    startInMs: seldom(fc.constantFrom(-10, 1_000, 8_000)),
    queue: seldom(fc.constantFrom(...queues)),
    site: seldom(fc.constantFrom("a", "b")),
    dedupe: seldom(
      fc.record({
        key: fc.constantFrom("k1", "k2"),
        policy: fc.constantFrom<DedupePolicy[]>("REJECT", "JOIN", "REPLACE"),
      }),
    ),
    request: seldom(fc.record({ requestId: fc.constantFrom("r1", "r2"), fingerprint: fc.constantFrom("x", "x", "y") })),
    retain: seldom(fc.constantFrom("METADATA" as const, "NONE" as const)),
    failIfBlocked: fc.constantFrom(false, false, false, true),
    secret: fc.boolean(),
    retryOf: seldom(index),
  })
  .map(
    ({ endpoint, skill, startInMs, queue, site, dedupe, request, retain, secret, retryOf, ...rest }) =>
      (world: World): NewJob => ({
        ...newJob(Math.floor(world.at.time.now), rest),
        ...targetOf(world.nextId(), endpoint),
        ...(skill === undefined ? {} : { skill }),
        ...(startInMs === undefined ? {} : { startAfterMs: Math.floor(world.at.time.now) + startInMs }),
        ...(queue === undefined ? {} : { queue }),
        ...(site === undefined ? {} : { labels: { site } }),
        ...(dedupe === undefined ? {} : { dedupe }),
        ...(request === undefined ? {} : { idempotency: { scope: "s", ...request } }),
        ...(retain === undefined ? {} : { retain }),
        ...(secret ? { sealedSecret: Buffer.from("sealed") } : {}),
        ...(retryOf === undefined || world.ids.length === 0 ? {} : { retryOf: one(world.ids, retryOf) }),
      }),
  );

/** A device, or the endpoint of the job's own that work without one stands at. */
function targetOf(id: string, endpoint: string | undefined): Pick<NewJob, "id" | "endpoint" | "address"> {
  return endpoint === undefined
    ? { id, endpoint: `job/${id}`, address: "" }
    : { id, endpoint, address: endpoint.slice(0, -3) };
}

const creating = (jobs: typeof newJobs) =>
  jobs.map((make) => {
    const shown: unknown[] = [];
    return step("create", shown, async (world, seen) => {
      const job = make(world);
      const { spec: _, sealedSecret: __, ...rest } = job;
      shown.splice(0, 1, rest);
      world.ids.push(job.id);
      seen.jobs += 1;
      await both(world, ({ jobs }) => jobs.create(job));
    });
  });

const create = creating(newJobs);

/** Several at the same time, which the store gives to Redis in one call, a microsecond apart. */
const createTogether = fc.array(newJobs, { minLength: 2, maxLength: 5 }).map((some) => {
  const shown: unknown[] = [];
  return step("createTogether", shown, async (world, seen) => {
    // All are accepted in one millisecond.
    if (world.at.time.now % 1 > 0.9) world.at.time.now = Math.ceil(world.at.time.now);
    const jobs = some.map((make) => make(world));
    shown.splice(0, shown.length, ...jobs.map(({ spec: _, sealedSecret: __, ...rest }) => rest));
    world.ids.push(...jobs.map(({ id }) => id));
    seen.jobs += jobs.length;
    // What a repeated request is answered with is read afterwards, and by then another of them may have changed it.
    const acts = jobs.map((job) => async (store: Pick<Store, "jobs">) => {
      const { job: accepted, replayed } = await store.jobs.create(job);
      return { id: accepted.id, replayed };
    });
    await bothTogether(world, acts, () => void (world.at.time.now = Number((world.at.time.now + 0.001).toFixed(3))));
  });
});

const rarely = fc.constantFrom(false, false, false, true);
const claim = fc.tuple(index, fc.constantFrom(1, 1, 2, 3), rarely, rarely).map((arg) =>
  step("claim", arg, async (world, seen) => {
    const [by, limit, repeat, leaves] = arg;
    const identity = one(world.workers, by);
    if (!repeat || world.requests === 0) world.requests += 1;
    const answer = await both(world, ({ leases }) => leases.claim(identity, limit, `claim-${world.requests}`, leaves));
    for (const { job, fence } of answer?.claims ?? []) {
      world.holders.push({ zone, worker: identity.name, job: job.id, endpoint: job.endpoint, fence });
      seen.claims += 1;
    }
  }),
);

const intent = fc.tuple(holderChoice, fc.constantFrom(1, 2)).map((arg) =>
  step(
    "intent",
    arg,
    async (world, seen) => {
      const [choice, intendedStep] = arg;
      const holder = holderOf(world, choice);
      const known: JournalFact["requests"][] = [];
      const intended = await both(world, async ({ leases }) => {
        const intent = await leases.intent(holder, intendedStep);
        const requests = intent.answer === "OK" ? intent.requests : [];
        known.push(requests);
        return { answer: intent.answer, kept: requests.map(([, kept]) => kept).sort() };
      });
      const job = await world.real.jobs.get(holder.job);
      const [real = [], model = []] = known;
      const { worker: name, fence } = holder;
      if (intended?.answer !== "OK" || !job) return;
      seen.intents += 1;
      world.intents.push({ fact: { job, worker: name, fence, intendedStep, live: false }, real, model });
    },
    hasClaims,
  ),
);

const lendPermits = holderChoice.map((arg) =>
  step(
    "lendPermits",
    arg,
    (world) => both(world, ({ leases }) => leases.lendPermits(holderOf(world, arg))).then(() => undefined),
    hasClaims,
  ),
);

const append = fc.tuple(holderChoice, fc.constantFrom(1, 1, 2), fc.constantFrom("", "some output")).map((arg) =>
  step(
    "append",
    arg,
    async (world) => {
      const [choice, number, written] = arg;
      const output = Buffer.from(written);
      const facts = [
        { kind: "started", command: 1, line: "show clock" },
        { kind: "output", command: 1, offset: 0, length: output.length },
      ] as const;
      const steps = number === 2 ? { intendedStep: 2, confirmedStep: 1 } : {};
      await both(world, ({ leases }) => leases.append(holderOf(world, choice), { number, facts, output, ...steps }));
    },
    hasClaims,
  ),
);

const ends = fc
  .tuple(
    fc.constantFrom("SUCCEEDED", "SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "INDETERMINATE", "RETRY", "REQUEUE"),
    fc.boolean(),
    fc.boolean(),
    fc.constantFrom(0, 0, 0, 1),
  )
  .map(([verdict, keepDevice, rest, parts]): AttemptEnd => {
    const error = { reason: "DISCONNECTED", message: "gone" };
    return {
      verdict,
      keepDevice,
      intendedStep: 2,
      confirmedStep: 1,
      retryInMs: 1_500,
      ...(parts > 0 && { parts }),
      ...(verdict === "SUCCEEDED" ? { effect: "COMPLETE", result: Buffer.from("result") } : { error }),
      ...(verdict === "FAILED" ? { effect: "PARTIAL", deviceFailure: error } : {}),
      ...(rest
        ? { rest: { facts: [{ kind: "log", level: "info", message: "so" }], output: Buffer.from("rest") } }
        : {}),
    };
  });

const finish = fc.tuple(holderChoice, ends).map((arg) =>
  step(
    "finish",
    arg,
    async (world) => {
      await both(world, ({ leases }) => leases.finish(holderOf(world, arg[0]), arg[1]));
    },
    hasClaims,
  ),
);

/** Several at the same time, which the store gives to Redis in one call; sometimes the same attempt twice. */
const finishTogether = fc.array(fc.tuple(holderChoice, ends), { minLength: 2, maxLength: 4 }).map((some) =>
  step(
    "finishTogether",
    some,
    async (world) => {
      const acts = some.map(
        ([choice, end]) =>
          ({ leases }: Pick<Store, "leases">) =>
            leases.finish(holderOf(world, choice), end),
      );
      await bothTogether(world, acts);
    },
    hasClaims,
  ),
);

/** Often one that was claimed lately and so may run. */
const cancel = fc.tuple(index, fc.boolean(), fc.boolean()).map((arg) =>
  step(
    "cancel",
    arg,
    async (world) => {
      const [which, interruptRunning, claimed] = arg;
      const lately = world.holders.slice(-2).map(({ job }) => job);
      const id = one(claimed && lately.length > 0 ? lately : world.ids, which);
      await both(world, ({ jobs }) => jobs.cancel(id, { interruptRunning, caller: "ann", reason: "no" }));
    },
    hasJobs,
  ),
);

/** Mostly a job that can be resolved, if there is one. */
const resolve = fc.tuple(index, fc.boolean()).map((arg) =>
  step(
    "resolve",
    arg,
    async (world) => {
      const doubtful = world.ids.filter((id) => world.model.zone.jobs.get(id)?.state === "INDETERMINATE");
      const id = one(arg[1] && doubtful.length > 0 ? doubtful : world.ids, arg[0]);
      await both(world, ({ jobs }) => jobs.resolve(id, { kind: "APPLIED", resolver: "bob", reason: "looked" }));
    },
    hasJobs,
  ),
);

const mark = fc.tuple(index, fc.boolean()).map((arg) =>
  step(
    "mark",
    arg,
    async (world) => {
      await both(world, ({ jobs }) => jobs.mark(one(world.ids, arg[0]), arg[1]));
    },
    hasJobs,
  ),
);

const beat = fc.tuple(index, fc.constantFrom(false, false, true), fc.boolean()).map((arg) =>
  step("beat", arg, async (world) => {
    const [by, closing, draining] = arg;
    const figures = { running: 1, sessions: 2, closing, draining, succeeded: 3, failed: 4 };
    await both(world, async ({ leases }) => {
      const answer = await leases.beat(one(world.workers, by), figures);
      if (answer.answer === "DEAD" || !answer.newcomers) return answer;
      // The store goes through a hash, in no order.
      return { ...answer, newcomers: [...answer.newcomers].sort((a, b) => (a.name < b.name ? -1 : 1)) };
    });
  }),
);

const release = fc.tuple(index, fc.subarray([...endpoints], { minLength: 1 })).map((arg) =>
  step("release", arg, async (world) => {
    await both(world, ({ leases }) => leases.release(one(world.workers, arg[0]), arg[1]));
  }),
);

/** Often the worker that claimed last, seen at its last beat. */
const reap = fc.tuple(fc.option(index, { freq: 2 }), fc.constantFrom(0, 0, 0, 1), fc.constantFrom(1, 100)).map((arg) =>
  step("reap", arg, async (world) => {
    const [by, late, limit] = arg;
    const last = world.holders.at(-1)?.worker;
    const name = by === null && last !== undefined ? last : one(world.workers, by ?? 0).name;
    const beatSeen = (world.model.zone.workers.get(name)?.beat ?? 0) - late;
    await reapBoth(world, name, beatSeen, limit);
  }),
);

const retire = index.map((arg) =>
  step("retire", arg, async (world) => {
    await both(world, ({ leases }) => leases.retire(one(world.workers, arg)));
  }),
);

const register = fc.tuple(index, fc.boolean()).map((arg) =>
  step("register", arg, async (world) => {
    const [by, fresh] = arg;
    const identity =
      fresh && world.workers.length < 10 ? tasker(`w${world.workers.length + 1}`) : one(world.workers, by);
    if (!world.workers.includes(identity)) world.workers.push(identity);
    await registerBoth(world, identity);
  }),
);

const tick = fc.constantFrom(0, 500, 1_500, 5_000, 60_000, 3_600_000).map((arg) =>
  step("tick", arg, async (world) => {
    world.at.time.now += arg;
    await both(world, ({ upkeep }) => upkeep.tick(zone));
  }),
);

const lock = fc
  .tuple(device, person, fc.constantFrom("CHANGES" as const, "ALL" as const), seldom(fc.constant(3_000)))
  .map((arg) =>
    step("lock", arg, async (world) => {
      const [endpoint, owner, scope, forMs] = arg;
      const how = { owner, scope, reason: "works", ...(forMs === undefined ? {} : { forMs }) };
      await both(world, ({ devices }) => devices.lock({ name: "r", zone, endpoint }, how));
    }),
  );

const unlock = fc.tuple(device, person, fc.boolean()).map((arg) =>
  step("unlock", arg, async (world) => {
    const [endpoint, caller, force] = arg;
    await both(world, ({ devices }) => devices.unlock({ name: "r", zone, endpoint }, caller, force));
  }),
);

const pause = fc
  .tuple(
    fc.oneof(
      device.map((endpoint) => ({ zone, device: "r", endpoint })),
      fc.constantFrom(...queues).map((queue) => ({ zone, queue })),
    ),
    fc.boolean(),
  )
  .map((arg) =>
    step("pause", arg, async (world) => {
      const why = arg[1] ? { caller: "ann", reason: "", timeMs: world.model.zone.now() } : undefined;
      await both(world, (store) => store.queues.pause(arg[0], why));
    }),
  );

const setLimit = fc
  .tuple(fc.constantFrom("queue/q1", "queue/q2", "label/site", "caller/ann"), seldom(fc.constantFrom(1, 1, 2)))
  .map((arg) =>
    step("setLimit", arg, async (world) => {
      await both(world, (store) => store.queues.setLimit(zone, ...arg));
    }),
  );

/** A freeze by itself, of one of two names, of all devices or some, for a while or for good; or none of the name. */
const freeze = fc
  .tuple(
    fc.constantFrom("freeze/a", "stop/changes"),
    fc.constantFrom("none", "now", "for", "later"),
    seldom(fc.subarray([...endpoints], { minLength: 1 })),
  )
  .map((arg) =>
    step("freeze", arg, async (world) => {
      const [name, when, some] = arg;
      const now = world.model.zone.now();
      if (when === "none") world.model.zone.freezes.delete(name);
      else {
        const fromMs = when === "later" ? now + 1_000 : 0;
        const ends = when === "now" ? {} : { toMs: now + 2_000 };
        world.model.zone.freezes.set(name, { fromMs, ...ends, ...(some && { endpoints: some }) });
      }
      await setFreezes(world);
    }),
  );

const thaw = fc.constant(null).map((arg) =>
  step("thaw", arg, async (world) => {
    await world.scripts.run("thaw", world.root);
    for (const name of ["freeze/a", "stop/changes"]) admit(world.model.zone, name);
  }),
);

const close = fc.tuple(device, fc.constantFrom<("open" | "" | number)[]>("open", "", 2_000)).map((arg) =>
  step("close", arg, async (world) => {
    const [endpoint, how] = arg;
    if (how === "open") {
      await world.scripts.run("open_endpoint", world.root, endpoint);
      world.model.open(endpoint);
      return;
    }
    const answer = await world.scripts.run("close_endpoint", world.root, endpoint, how);
    same(String(answer), world.model.close(endpoint, how === "" ? undefined : how));
  }),
);

const retain = fc
  .record({
    succeededMs: fc.constantFrom(0, 2_000),
    failedMs: fc.constantFrom(2_000, 100_000),
    jobs: fc.constantFrom(1, 100),
    outputBytes: fc.constantFrom(0, 12, 1_000),
  })
  .map((arg) =>
    step("retain", arg, async (world) => {
      await both(world, ({ upkeep }) => upkeep.retain(zone, arg));
    }),
  );

/** A job of those that crowd under limits: it has a queue and a site, and waits for nothing else. */
const crowdedJobs: typeof newJobs = fc
  .record({ make: newJobs, queue: labels.queue, site: labels.site })
  .map(({ make, queue, site }) => (world: World): NewJob => {
    const { startAfterMs: _, dedupe: __, idempotency: ___, retryOf: ____, ...job } = make(world);
    return { ...job, queue, labels: { site } };
  });

const createCrowded = creating(crowdedJobs);

/** What can happen to a zone. */
export const steps = {
  ...{
    create,
    createCrowded,
    createTogether,
    claim,
    intent,
    lendPermits,
    append,
    finish,
    finishTogether,
    cancel,
    resolve,
    mark,
  },
  ...{ beat, release, reap, retire, register, tick, lock, unlock, pause, setLimit, freeze, thaw, close, retain },
};
