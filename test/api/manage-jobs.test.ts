import {
  CancelOutcome,
  type CommandsResult,
  CommandStatus,
  type ConfigureResult,
  JobOrder,
  JobState,
  JobView,
  ResolutionKind,
  RetainOutput,
  WaitingReason,
} from "@pointsman/sdk/v1";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  claimNext,
  type Clients,
  readSpec,
  type ScriptedWorker,
  startTestApi,
  type TestApi,
} from "../support/api-server.js";
import { createKeySpace, keyOf } from "../../src/store/keys.js";
import { systemClock } from "../../src/system/clock.js";
import { worker as identity } from "../support/jobs.js";
import { problemOf } from "./problems.js";

let api: TestApi;
let clients: Clients;
let address = 1;
beforeAll(async () => {
  api = await startTestApi();
  clients = api.clients();
  await clients.credentials.createCredential({ name: "core", login: { username: "ann", password: "pw" } });
});
afterAll(() => api.close());
afterEach(() => clients.jobs.cancelJobs({ filter: { states: [JobState.QUEUED, JobState.DELAYED] } }));

async function newJob(labels: Record<string, string> = {}, commands?: readonly string[]): Promise<string> {
  const job = { ...readSpec(address++, commands), labels } as never;
  return (await clients.jobs.createJob({ job, requestId: crypto.randomUUID() })).job!.id;
}

async function listAll(filter: object, pageSize = 3): Promise<string[]> {
  const ids: string[] = [];
  let pageToken = "";
  do {
    const page = await clients.jobs.listJobs({ filter: filter as never, pageSize, pageToken });
    expect(page.jobs.length).toBeLessThanOrEqual(pageSize);
    ids.push(...page.jobs.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return ids;
}

describe("ListJobs", () => {
  test("pages newest first, and stays stable while jobs come", async () => {
    const run = { labels: { run: "paging" } };
    const made: string[] = [];
    for (let i = 0; i < 10; i++) made.push(await newJob({ run: "paging" }));
    const first = await clients.jobs.listJobs({ filter: run, pageSize: 4 });
    await newJob({ run: "paging" });
    const second = await clients.jobs.listJobs({ filter: run, pageSize: 100, pageToken: first.nextPageToken });
    const seen = [...first.jobs, ...second.jobs].map(({ id }) => id);
    expect(seen).toEqual(made.sort().reverse());
  });

  test("meets filters by text, type, line, label, creator, time and id", async () => {
    const at = new Date();
    const one = await newJob({ run: "filters" }, ["show Interfaces brief"]);
    const two = await newJob({ run: "filters" });
    const endpoint = (await clients.jobs.getJob({ id: two })).job!.endpoint;
    const run = { labels: { run: "filters" } };
    expect(await listAll({ ...run, text: "interFACES" })).toEqual([one]);
    expect(await listAll({ ...run, types: ["probe"] })).toEqual([]);
    expect(await listAll({ ...run, queues: [`device/${endpoint}`] })).toEqual([two]);
    expect(await listAll({ ...run, queues: ["fifo"] })).toEqual([]);
    expect(await listAll({ ...run, devices: [endpoint.split(":")[0]] })).toEqual([two]);
    expect(await listAll({ ...run, devices: [endpoint], queues: ["device/r9"] })).toEqual([]);
    expect(await listAll({ ...run, creators: ["local"], zones: ["default"] })).toEqual([one, two].sort().reverse());
    const after = { seconds: BigInt(Math.floor(at.getTime() / 1_000) + 60) };
    expect(await listAll({ ...run, createdAfter: after })).toEqual([]);
    expect(await listAll({ ids: [one, "0".repeat(26)] })).toEqual([one]);
  });

  test.each([
    ["that is damaged", "AAAA"],
    ["of another filter", undefined],
  ])("a page token %s is refused", async (_what, token) => {
    await newJob();
    await newJob();
    const other = (await clients.jobs.listJobs({ pageSize: 1 })).nextPageToken;
    const call = clients.jobs.listJobs({ filter: { types: ["probe"] }, pageToken: token ?? other });
    expect(await problemOf(call)).toMatchObject({ reason: "INVALID_PAGE_TOKEN", fields: ["page_token"] });
  });

  test.each([
    ["ListJobEvents", (id: string, pageToken = "") => clients.jobs.listJobEvents({ id, pageSize: 1, pageToken })],
    [
      "ListJobs by end",
      (_id: string, pageToken = "") => clients.jobs.listJobs({ orderBy: JobOrder.ENDED, pageSize: 1, pageToken }),
    ],
  ])("a page token of %s with a place that is none is refused", async (_what, list) => {
    const [id = ""] = [await newJob(), await newJob()];
    await clients.jobs.cancelJobs({ filter: { states: [JobState.QUEUED] } });
    const { nextPageToken } = await list(id);
    const [version, key] = JSON.parse(Buffer.from(nextPageToken, "base64url").toString()) as [number, string];
    const forged = Buffer.from(JSON.stringify([version, key, "abc"])).toString("base64url");
    expect(await problemOf(list(id, forged))).toMatchObject({ reason: "INVALID_PAGE_TOKEN" });
  });

  test("CountJobs and BatchGetJobs agree with it", async () => {
    const ids = [await newJob({ run: "count" }), await newJob({ run: "count" })];
    await clients.jobs.cancelJob({ id: ids[0]! });
    const { total, byState } = await clients.jobs.countJobs({ filter: { labels: { run: "count" } } });
    expect({ total, byState }).toEqual({ total: 2, byState: { QUEUED: 1, CANCELLED: 1 } });
    const got = await clients.jobs.batchGetJobs({ ids: [ids[1]!, "0".repeat(26), ids[0]!] });
    expect(got.jobs.map(({ id }) => id)).toEqual([ids[1], ids[0]]);
    expect(got.notFound).toEqual(["0".repeat(26)]);
  });
});

describe("a job that waits", () => {
  test("for another attempt says when that is; for a full limit, which", async () => {
    const again = await newJob();
    const worker = await claimNext(api.store);
    await worker.end({ verdict: "RETRY", retryInMs: 60_000, intendedStep: 0, confirmedStep: 0 });
    const { job } = await clients.jobs.getJob({ id: again });
    expect(job).toMatchObject({ state: JobState.DELAYED, waitingReason: WaitingReason.RETRY });
    const { events } = await clients.jobs.listJobEvents({ id: again });
    expect(events.at(-1)!.event).toMatchObject({ value: { retryTime: job!.retryTime! } });

    await api.store.queues.setLimit("default", "label/site", 1);
    await newJob({ site: "ams" });
    const running = await claimNext(api.store);
    const parked = await newJob({ site: "ams" });
    const { jobs } = await clients.jobs.batchGetJobs({ ids: [parked] });
    const why = { waitingReason: WaitingReason.LIMIT, blockingLimit: "label/site=ams", position: 1 };
    expect(jobs[0]).toMatchObject(why);
    expect(jobs[0]!.retryTime).toBeUndefined();
    await api.store.queues.setLimit("default", "label/site", undefined);
    await running.end({});
    expect((await clients.jobs.getJob({ id: parked })).job!.blockingLimit).toBe("");
  });
});

describe("cancelling", () => {
  test("touches what waits, and what runs only when told to", async () => {
    const id = await newJob();
    expect((await clients.jobs.cancelJob({ id, reason: "no need" })).outcome).toBe(CancelOutcome.CANCELLED);
    expect((await clients.jobs.cancelJob({ id })).outcome).toBe(CancelOutcome.FINAL);
    const running = await newJob();
    const worker = await claimNext(api.store);
    expect(worker.holder.job).toBe(running);
    expect((await clients.jobs.cancelJob({ id: running })).outcome).toBe(CancelOutcome.RUNNING);
    const told = await clients.jobs.cancelJob({ id: running, interruptRunning: true });
    expect(told).toMatchObject({ outcome: CancelOutcome.CANCELLING, job: { state: JobState.CANCELLING } });
    await worker.end({ verdict: "CANCELLED", effect: "NONE", confirmedStep: 0, intendedStep: 0 });
    expect((await clients.jobs.getJob({ id: running })).job).toMatchObject({
      ...{ state: JobState.CANCELLED, cancelRequested: true },
    });
  });

  test("by filter says what became of each, in pages, and leaves what came later alone", async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => newJob({ run: "cancel" })));
    const filter = { labels: { run: "cancel" } };
    const answer = await clients.jobs.cancelJobs({ filter, reason: "all of them" });
    expect(answer.cancelledIds.sort()).toEqual(ids.sort());
    expect(answer).toMatchObject({ cancelledCount: 5, nextPageToken: "" });
    expect((await clients.jobs.cancelJobs({ filter })).cancelledCount).toBe(0);
    const byId = await clients.jobs.cancelJobs({ filter: { ids: [ids[0]!, "0".repeat(26)], types: ["probe"] } });
    expect(byId.results).toMatchObject([{ id: ids[0], outcome: CancelOutcome.FINAL }]);
  });

  test("a change that may have been made in a history that Redis forgot is left, and named; what reads is cancelled", async () => {
    const read = await newJob({ run: "forgotten" });
    const change = await newJob({ run: "forgotten" }, ["clear counters"]);
    const filter = { labels: { run: "forgotten" } };
    const gate = keyOf(createKeySpace("pm").zone("default"), "gate");
    const history = await api.at.redis.hget(gate, "id");
    await api.at.redis.hset(gate, "id", "another history");
    const answer = await clients.jobs.cancelJobs({ filter });
    await api.at.redis.hset(gate, "id", history!);
    expect(answer).toMatchObject({ cancelledCount: 1, cancelledIds: [read] });
    expect(new Map(answer.results.map(({ id, outcome }) => [id, outcome]))).toEqual(
      new Map([
        [read, CancelOutcome.CANCELLED],
        [change, CancelOutcome.RECONCILING],
      ]),
    );
    expect((await clients.jobs.getJob({ id: change })).job?.state).toBe(JobState.QUEUED);
    expect((await clients.jobs.cancelJobs({ filter })).cancelledIds).toEqual([change]);
  });

  test("by filter meets, as doing again does, what a server accepted whose clock is ahead", async () => {
    let ahead = 600_000;
    const own = await startTestApi({ clock: { ...systemClock, now: () => systemClock.now() + ahead } });
    try {
      const { jobs } = own.clients();
      const { job } = await jobs.createJob({ job: readSpec() as never });
      ahead = 0;
      const filter = { types: ["commands"] };
      expect((await jobs.cancelJobs({ filter })).cancelledIds).toEqual([job!.id]);
      expect((await jobs.retryJobs({ filter })).results).toMatchObject([{ id: job!.id }]);
    } finally {
      await own.close();
    }
  });

  test("by an empty filter is refused: it would mean everything", async () => {
    expect(await problemOf(clients.jobs.cancelJobs({ filter: {} }))).toMatchObject({
      ...{ reason: "INVALID_REQUEST", fields: ["filter"] },
    });
  });
});

describe("a job whose worker was lost", () => {
  const lost = async (worker: ScriptedWorker): Promise<void> => {
    const { zone, worker: name } = worker.holder;
    await api.store.leases.retire({ ...identity(name), zone });
  };

  test("has its outputs in the result, as far as its events tell, and no more is claimed", async () => {
    const id = await newJob({}, ["set a", "set b", "set c", "set d"]);
    const worker = await claimNext(api.store);
    await api.store.leases.intent(worker.holder, 1);
    await worker.facts({ kind: "started", command: 1, line: "set a" });
    await worker.print(1, "ok a\n".repeat(10_000));
    await worker.facts(
      { kind: "ended", command: 1, status: "OK", errorLines: [], durationMs: 7, exitStatus: 0 },
      { kind: "started", command: 2, line: "set b" },
    );
    await worker.print(2, "half of ");
    await lost(worker);
    const { job } = await clients.jobs.getJob({ id });
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, error: { reason: "WORKER_LOST" } });
    const commands = job!.result!.result.value as CommandsResult;
    expect(commands.commands).toMatchObject([
      {
        command: "set a",
        status: CommandStatus.OK,
        output: "ok a\n".repeat(10_000),
        outputBytes: 50_000,
        exitStatus: 0,
      },
      { command: "set b", status: CommandStatus.INTERRUPTED, output: "half of ", outputTruncated: false },
      { command: "set c", status: CommandStatus.UNSPECIFIED, output: "" },
      { command: "set d", status: CommandStatus.UNSPECIFIED, output: "" },
    ]);
    const basic = await clients.jobs.getJob({ id, view: JobView.BASIC });
    expect(basic.job!.result).toBeUndefined();
  });

  test("on its second attempt has what that one gave alone; one that keeps no output has no result", async () => {
    const operation = { case: "configure", value: { input: { case: "lines", value: { lines: ["a", "b"] } } } };
    const make = async (more: object): Promise<string> => {
      const job = { ...readSpec(address++), operation, ...more } as never;
      return (await clients.jobs.createJob({ job, requestId: crypto.randomUUID() })).job!.id;
    };
    const id = await make({});
    const first = await claimNext(api.store);
    await first.facts({ kind: "started", command: 2, line: "b" });
    await first.print(2, "of the first");
    await lost(first);
    const second = await claimNext(api.store);
    await api.store.leases.intent(second.holder, 1);
    await second.facts({ kind: "started", command: 1, line: "a" });
    await second.print(1, "of the second");
    await lost(second);
    const { job } = await clients.jobs.getJob({ id });
    const { lines } = job!.result!.result.value as ConfigureResult;
    expect(lines).toMatchObject([
      { line: "a", status: CommandStatus.INTERRUPTED, output: { text: "of the second", bytes: 13 } },
    ]);

    const silent = await make({ retainOutput: RetainOutput.NONE });
    const third = await claimNext(api.store);
    await api.store.leases.intent(third.holder, 1);
    await third.facts({ kind: "started", command: 1, line: "a" });
    await lost(third);
    expect((await clients.jobs.getJob({ id: silent })).job!.result).toBeUndefined();
  });
});

describe("ResolveJob", () => {
  async function unknown(login: "credential" | "secret" = "credential"): Promise<string> {
    const spec = readSpec(address++, ["clear counters"]) as { target: { value: { login: object } } };
    if (login === "credential") spec.target.value.login = { case: "credential", value: "core" };
    const { job } = await clients.jobs.createJob({ job: spec as never, requestId: crypto.randomUUID() });
    const worker = await claimNext(api.store);
    await api.store.leases.intent(worker.holder, 1);
    await worker.end({ verdict: "INDETERMINATE", confirmedStep: 0 });
    return job!.id;
  }

  test("writes the verdict once, for jobs whose outcome is unknown alone", async () => {
    const id = await unknown();
    const verdict = { id, kind: ResolutionKind.APPLIED, reason: "the banner is there" };
    const { job } = await clients.jobs.resolveJob(verdict);
    expect(job!.resolution).toMatchObject({ kind: ResolutionKind.APPLIED, resolver: "local" });
    expect(job!.state).toBe(JobState.INDETERMINATE);
    const again = { ...verdict, reason: "as I said" };
    expect((await clients.jobs.resolveJob(again)).job!.resolution).toEqual(job!.resolution);
    const other = { ...verdict, kind: ResolutionKind.NOT_APPLIED };
    expect(await problemOf(clients.jobs.resolveJob(other))).toMatchObject({ reason: "JOB_ALREADY_RESOLVED" });
    const known = await newJob();
    expect(await problemOf(clients.jobs.resolveJob({ ...verdict, id: known }))).toMatchObject({
      ...{ code: "FailedPrecondition", reason: "JOB_NOT_INDETERMINATE" },
    });
  });

  test("RERUN of a job whose own login was erased says so", async () => {
    const id = await unknown("secret");
    const call = clients.jobs.resolveJob({ id, kind: ResolutionKind.RERUN, reason: "again" });
    expect(await problemOf(call)).toMatchObject({ reason: "INVALID_REQUEST", fields: ["kind"] });
  });
});
