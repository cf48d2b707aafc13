import { create, toBinary } from "@bufbuild/protobuf";
import { ConfigMode, EffectClass, JobSpecSchema, JobState, ResolutionKind } from "@pointsman/sdk/v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobCreation } from "../../src/api/jobs/job-wish.js";
import { resolveJob } from "../../src/api/jobs/job-resolve.js";
import type { Failure } from "../../src/domain/job.js";
import type { Store } from "../../src/store/store.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";
import { type Clients, startTestApi, type TestApi, testPlatforms } from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { problemOf } from "./problems.js";

const ann = { name: "ann", role: "admin" } as const;
const bob = { name: "bob", role: "admin" } as const;

let api: TestApi;
let clients: Clients;
const identity = worker("w1");
beforeEach(async () => {
  api = await startTestApi();
  clients = api.clients();
  await clients.credentials.createCredential({ name: "core", login: { username: "ann", password: "pw" } });
  const device = { name: "r1", address: "10.0.0.1", platform: "cisco_ios", credential: "core" };
  await clients.devices.createDevice({ device });
  await api.store.leases.register(identity);
});
afterEach(() => api.close());

/** Work on r1. */
function spec(command: string, more: object = {}) {
  const operation = { case: "commands" as const, value: { commands: [{ command }] } };
  return create(JobSpecSchema, { target: { case: "device", value: "r1" }, operation, ...more });
}

/** A change on r1 whose outcome is unknown. */
async function doubt(more: object = {}, error?: Failure): Promise<string> {
  const wish = { effectClass: "AT_MOST_ONCE", spec: toBinary(JobSpecSchema, spec("clear counters", more)) } as const;
  const { job } = await api.store.jobs.create(newJob(Date.now(), wish));
  const holder = await claimOne(api.store, identity);
  expect(holder?.job).toBe(job.id);
  await api.store.leases.intent(holder!, 1);
  const end = { verdict: "INDETERMINATE", intendedStep: 1, confirmedStep: 0, keepDevice: true } as const;
  await api.store.leases.finish(holder!, { ...end, ...(error && { error }) });
  return job.id;
}

/** A change under a timer of ten minutes that ended, as `error` says, with an outcome that is not known. */
async function doubtUnderTimer(error: Failure): Promise<string> {
  const value = { mode: ConfigMode.APPLY_CONFIRMED, confirmTimeout: { seconds: 600n } };
  const own = { input: { case: "lines" as const, value: { lines: ["hostname x"] } }, ...value };
  return doubt({ operation: { case: "configure", value: own } }, error);
}

/** What a server whose calls to the store go through `jobs` does. */
function serverWith(jobs: Partial<Store["jobs"]>): JobCreation {
  const store = { ...api.store, jobs: { ...api.store.jobs, ...jobs } };
  const { sealer } = api;
  const rest = { platforms: testPlatforms, clock: systemClock, random: systemRandom, forbidInlineEndpoints: false };
  return { store, sealer, ...rest };
}

const ask = (id: string, kind: ResolutionKind) => ({ id, kind, reason: "seen on the console" }) as never;
const dies = () => Promise.reject(new Error("the server dies here"));
const rerun = (id: string) => clients.jobs.resolveJob({ id, kind: ResolutionKind.RERUN, reason: "again" });
/** Newest first; what was made within one millisecond has no order but that of its ids. */
const allJobs = async () => (await api.store.jobs.list({}, { limit: 100 })).jobs.map(({ id }) => id);

test("RERUN makes one new job, however many ask for it at once and again, and answers each with it", async () => {
  const id = await doubt();
  const answers = await Promise.all([rerun(id), rerun(id), rerun(id)]);
  answers.push(await rerun(id));
  const made = answers[0].rerunJob!;
  expect(made).toMatchObject({ effectClass: EffectClass.AT_MOST_ONCE, state: JobState.QUEUED, retryOf: id });
  expect(made.spec!.labels).toEqual({});
  for (const { job, rerunJob } of answers) {
    expect(rerunJob!.id).toBe(made.id);
    expect(job!.resolution).toMatchObject({ kind: ResolutionKind.RERUN, rerunJob: made.id });
    expect(job!.retriedBy).toBe(made.id);
  }
  expect(await allJobs()).toEqual([made.id, id].sort().reverse());
  expect((await claimOne(api.store, identity))?.job).toBe(made.id);
});

test("of the verdicts APPLIED and RERUN at once, the one that is written holds: nothing runs when it is APPLIED", async () => {
  const id = await doubt();
  let started: string | undefined;
  const late = serverWith({
    async resolve(...args) {
      await resolveJob(serverWith({}), ask(id, ResolutionKind.APPLIED), ann);
      started = (await claimOne(api.store, identity))?.job;
      return api.store.jobs.resolve(...args);
    },
  });
  const lost = problemOf(resolveJob(late, ask(id, ResolutionKind.RERUN), bob));
  expect(await lost).toMatchObject({ reason: "JOB_ALREADY_RESOLVED", metadata: { job: id } });
  expect(started).toBeUndefined();
  expect(await allJobs()).toEqual([id]);
});

test("the same verdict from two at once is answered alike to both", async () => {
  const id = await doubt();
  const late = serverWith({
    async resolve(...args) {
      await resolveJob(serverWith({}), ask(id, ResolutionKind.APPLIED), ann);
      return api.store.jobs.resolve(...args);
    },
  });
  const { job } = await resolveJob(late, ask(id, ResolutionKind.APPLIED), bob);
  expect(job.resolution).toMatchObject({ kind: "APPLIED", resolver: "ann" });
});

test("a RERUN that dies before its verdict leaves nothing that could run, and the device held", async () => {
  const id = await doubt();
  await expect(resolveJob(serverWith({ resolve: dies }), ask(id, ResolutionKind.RERUN), ann)).rejects.toThrow();
  expect(await allJobs()).toEqual([id]);
  expect((await clients.devices.getDevice({ name: "r1" })).device!.status?.hold?.job).toBe(id);
  await clients.jobs.resolveJob({ id, kind: ResolutionKind.APPLIED, reason: "it was there" });
  expect(await claimOne(api.store, identity)).toBeUndefined();
});

test("a RERUN that dies behind its verdict is finished by the next one, under the id the verdict named", async () => {
  const id = await doubt();
  await expect(resolveJob(serverWith({ create: dies }), ask(id, ResolutionKind.RERUN), ann)).rejects.toThrow();
  const named = (await api.store.jobs.get(id))!.resolution!.rerunJob!;
  expect(await api.store.jobs.get(named)).toBeUndefined();
  const applied = clients.jobs.resolveJob({ id, kind: ResolutionKind.APPLIED, reason: "it was there" });
  expect(await problemOf(applied)).toMatchObject({ reason: "JOB_ALREADY_RESOLVED" });
  const { job, rerunJob } = await rerun(id);
  expect(rerunJob).toMatchObject({ id: named, state: JobState.QUEUED, creator: "ann" });
  expect(job).toMatchObject({ retriedBy: named, resolution: { resolver: "ann" } });
});

test("a RERUN whose answer was lost is answered with the same job, also when that has been cancelled", async () => {
  const id = await doubt();
  const lost = serverWith({ create: (job) => api.store.jobs.create(job).then(dies) });
  await expect(resolveJob(lost, ask(id, ResolutionKind.RERUN), ann)).rejects.toThrow();
  const named = (await api.store.jobs.get(id))!.resolution!.rerunJob!;
  await clients.jobs.cancelJob({ id: named });
  expect((await rerun(id)).rerunJob).toMatchObject({ id: named, state: JobState.CANCELLED });
  expect(await allJobs()).toEqual([named, id].sort().reverse());
});

test("a RERUN asked for again when its job has run and is forgotten does not run the work a second time", async () => {
  const id = await doubt();
  const made = (await rerun(id)).rerunJob!.id;
  await succeed(api.store, (await claimOne(api.store, identity))!);
  const rule = { succeededMs: 0, failedMs: 3_600_000, jobs: 1_000, outputBytes: 1_000_000 };
  await eventually(async () => expect(await api.store.upkeep.retain("default", rule).then(allJobs)).toEqual([id]));
  expect(await problemOf(rerun(id))).toMatchObject({
    ...{ reason: "JOB_ALREADY_RESOLVED", message: expect.stringContaining(made) as string },
  });
  expect(await allJobs()).toEqual([id]);
});

test("no caller can pass a job off as the RERUN of another", async () => {
  const id = await doubt();
  const labels = { "pointsman/rerun-of": id };
  const { job: forged } = await clients.jobs.createJob({ job: spec("show clock", { labels }), requestId: "forged" });
  const { rerunJob } = await rerun(id);
  expect(rerunJob!.id).not.toBe(forged!.id);
  expect(rerunJob!.spec!.operation).toMatchObject({ value: { commands: [{ command: "clear counters" }] } });
});

test("RERUN is a job of its own also when another of the same dedupe key waits", async () => {
  const key = { dedupeKey: "nightly" };
  const id = await doubt(key);
  const { job: twin } = await clients.jobs.createJob({ job: spec("clear counters", key), requestId: "twin" });
  const { job, rerunJob } = await rerun(id);
  expect(rerunJob!.id).toBe(job!.resolution!.rerunJob);
  expect((await clients.jobs.getJob({ id: twin!.id })).job!.state).toBe(JobState.QUEUED);
});

test("RERUN says so before it writes its verdict when the work cannot be done again", async () => {
  const id = await doubt({ target: { case: "device", value: "gone" } });
  expect(await problemOf(rerun(id))).toMatchObject({ reason: "DEVICE_NOT_FOUND" });
  expect((await api.store.jobs.get(id))!.resolution).toBeUndefined();
});

test("RetryJob of a job whose device is in another zone by now says so, and does nothing", async () => {
  const { job } = await clients.jobs.createJob({ job: spec("show clock"), requestId: "moved" });
  await succeed(api.store, (await claimOne(api.store, identity))!);
  const device = { name: "r1", zone: "lab" };
  await clients.devices.updateDevice({ device, updateMask: { paths: ["zone"] } });
  expect(await problemOf(clients.jobs.retryJob({ id: job!.id }))).toMatchObject({
    ...{ code: "FailedPrecondition", reason: "DEVICE_MOVED", metadata: { job: job!.id, zone: "lab" } },
  });
  const filter = { ids: [job!.id] };
  const { results } = await clients.jobs.retryJobs({ filter });
  expect(results).toMatchObject([{ result: { case: "error", value: { reason: "DEVICE_MOVED" } } }]);
  expect(await allJobs()).toEqual([job!.id]);
});

test("RetryJob of another job under the same request id is another request, also where both do the same", async () => {
  const ended = async (): Promise<string> => {
    const { job } = await clients.jobs.createJob({ job: spec("show version") });
    await clients.jobs.cancelJob({ id: job!.id });
    return job!.id;
  };
  const [one, other] = [await ended(), await ended()];
  const again = await clients.jobs.retryJob({ id: one, requestId: "again" });
  expect(again.job?.retryOf).toBe(one);
  expect((await clients.jobs.retryJob({ id: one, requestId: "again" })).job?.id).toBe(again.job?.id);
  const reused = await problemOf(clients.jobs.retryJob({ id: other, requestId: "again" }));
  expect(reused).toMatchObject({
    code: "AlreadyExists",
    reason: "REQUEST_ID_REUSED",
    metadata: { job: again.job?.id },
  });
  expect((await clients.jobs.getJob({ id: other })).job?.retriedBy).toBe("");
});

test("RetryJobs, CancelJobs and ReconcileJobs meet a job once that their filter names twice", async () => {
  const ids = async (): Promise<string[]> => {
    const { job } = await clients.jobs.createJob({ job: spec("show version") });
    return [job!.id, job!.id];
  };
  const waiting = await ids();
  expect((await clients.jobs.cancelJobs({ filter: { ids: waiting } })).results.map(({ id }) => id)).toEqual([
    waiting[0],
  ]);
  const again = await clients.jobs.retryJobs({ filter: { ids: waiting } });
  expect(again).toMatchObject({ retriedCount: 1, results: [{ id: waiting[0] }] });
  expect((await clients.jobs.listJobs({ filter: { states: [JobState.QUEUED] } })).jobs).toHaveLength(1);
  const [change = ""] = await ids();
  const looked = await clients.jobs.reconcileJobs({ filter: { ids: [change, change] } });
  expect(looked.results.map(({ id }) => id)).toEqual([change]);
});

test("RetryJob of a job whose outcome is unknown says that it must be resolved", async () => {
  const id = await doubt();
  expect(await problemOf(clients.jobs.retryJob({ id }))).toMatchObject({ reason: "JOB_NOT_RESOLVED" });
});

test.each(["WORKER_LOST", "EXECUTION_TIMEOUT", "SESSION_CLOSED", "CANCELLED", "INTERNAL"])(
  "no verdict is taken while the device may still take the change back by itself: %s",
  async (reason) => {
    const id = await doubtUnderTimer({ reason, message: "cut short" });
    const { job } = await clients.jobs.getJob({ id });
    const until = new Date(Number(job!.endTime!.seconds) * 1_000 + job!.endTime!.nanos / 1e6 + 630_000).toISOString();
    for (const kind of [ResolutionKind.APPLIED, ResolutionKind.NOT_APPLIED, ResolutionKind.RERUN]) {
      expect(await problemOf(clients.jobs.resolveJob({ id, kind, reason: "looked" }))).toMatchObject({
        ...{ code: "FailedPrecondition", reason: "CONFIRM_TIMER_RUNNING", metadata: { job: id, until } },
      });
    }
    expect((await clients.devices.getDevice({ name: "r1" })).device!.status?.hold?.job).toBe(id);
    expect(await allJobs()).toEqual([id]);
  },
);

test("a change under a timer that the worker itself waited for is resolved at once", async () => {
  const id = await doubtUnderTimer({ reason: "DISCONNECTED", message: "not seen again" });
  const { job } = await clients.jobs.resolveJob({ id, kind: ResolutionKind.NOT_APPLIED, reason: "looked" });
  expect(job!.resolution?.kind).toBe(ResolutionKind.NOT_APPLIED);
});
