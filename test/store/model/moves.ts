import type { NewJob } from "../../../src/domain/job.js";
import type { AttemptEnd, Holder } from "../../../src/store/store.js";
import { newJob } from "../../support/jobs.js";
import { both, endpoints, type World } from "./world.js";

const zone = "default";
const [endpoint] = endpoints;
const error = { reason: "DISCONNECTED", message: "gone" };

/** A change of which nothing is known yet. */
async function create(world: World, part: Partial<NewJob> = {}): Promise<string> {
  const place = { endpoint, address: endpoint.slice(0, -3) };
  const wish = { id: world.nextId(), effectClass: "AT_MOST_ONCE", ...place, ...part } as const;
  const job = newJob(Math.floor(world.at.time.now), wish);
  world.ids.push(job.id);
  await both(world, ({ jobs }) => jobs.create(job));
  return job.id;
}

const createLater = (world: World, part: Partial<NewJob> = {}): Promise<string> =>
  create(world, { startAfterMs: Math.floor(world.at.time.now) + 1_000, ...part });

/** One that runs. */
async function start(world: World, part: Partial<NewJob> = {}): Promise<Holder> {
  await create(world, part);
  const [by] = world.workers;
  if (!by) throw new Error("there is no worker");
  world.requests += 1;
  const answer = await both(world, ({ leases }) => leases.claim(by, 1, `claim-${world.requests}`));
  const [claim] = answer?.claims ?? [];
  if (!claim) throw new Error("nothing was claimed");
  return { zone, worker: by.name, job: claim.job.id, endpoint, fence: claim.fence };
}

async function cancel(world: World, id: string): Promise<void> {
  await both(world, ({ jobs }) => jobs.cancel(id, { interruptRunning: true, caller: "ann", reason: "no" }));
}

/** One that runs, is past its point of no return, and was asked to stop. */
async function stop(world: World): Promise<Holder> {
  const holder = await start(world);
  await both(world, async ({ leases }) => (await leases.intent(holder, 1)).answer);
  await cancel(world, holder.job);
  return holder;
}

async function pass(world: World, ms: number): Promise<void> {
  world.at.time.now += ms;
  await both(world, ({ upkeep }) => upkeep.tick(zone));
}

async function end(world: World, holder: Holder, verdict: AttemptEnd["verdict"]): Promise<void> {
  const how = verdict === "SUCCEEDED" ? { effect: "COMPLETE" as const } : { error };
  const steps = { intendedStep: 1, confirmedStep: verdict === "INDETERMINATE" ? 0 : 1 };
  const told = { verdict, keepDevice: true, retryInMs: 60_000, ...steps, ...how };
  await both(world, ({ leases }) => leases.finish(holder, told));
}

const ended = (verdict: AttemptEnd["verdict"]) => async (world: World) => end(world, await start(world), verdict);
const stopped = (verdict: AttemptEnd["verdict"]) => async (world: World) => end(world, await stop(world), verdict);

/** A history in which each move happens, so that none is left to chance. */
export const historyOf: Readonly<Record<string, (world: World) => Promise<unknown>>> = {
  "DELAYED → QUEUED": async (world) => [await createLater(world), await pass(world, 2_000)],
  "DELAYED → CANCELLED": async (world) => cancel(world, await createLater(world)),
  "DELAYED → EXPIRED": async (world) => {
    await end(world, await start(world, { queueTimeoutMs: 4_000 }), "RETRY");
    await pass(world, 5_000);
  },
  "QUEUED → RUNNING": (world) => start(world),
  "QUEUED → FAILED": async (world) => {
    const lock = { owner: "bob", scope: "ALL", reason: "works" } as const;
    await both(world, ({ devices }) => devices.lock({ name: "r", zone, endpoint }, lock));
    await create(world, { failIfBlocked: true });
  },
  "QUEUED → CANCELLED": async (world) => cancel(world, await create(world)),
  "QUEUED → EXPIRED": async (world) => [await create(world, { queueTimeoutMs: 4_000 }), await pass(world, 5_000)],
  "RUNNING → QUEUED": ended("REQUEUE"),
  "RUNNING → DELAYED": ended("RETRY"),
  "RUNNING → CANCELLING": stop,
  "RUNNING → SUCCEEDED": ended("SUCCEEDED"),
  "RUNNING → FAILED": ended("FAILED"),
  "RUNNING → CANCELLED": ended("CANCELLED"),
  "RUNNING → EXPIRED": ended("EXPIRED"),
  "RUNNING → INDETERMINATE": ended("INDETERMINATE"),
  "CANCELLING → SUCCEEDED": stopped("SUCCEEDED"),
  "CANCELLING → FAILED": stopped("FAILED"),
  "CANCELLING → CANCELLED": async (world) => {
    const holder = await start(world);
    await cancel(world, holder.job);
    await end(world, holder, "CANCELLED");
  },
  "CANCELLING → INDETERMINATE": stopped("INDETERMINATE"),
};
