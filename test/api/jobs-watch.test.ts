import { stateName } from "../../src/api/jobs/job-enums.js";
import { JobState, type WatchJobsResponse } from "@pointsman/sdk/v1";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  claimNext,
  type Clients,
  commandsResult,
  readSpec,
  startTestApi,
  type TestApi,
} from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { all, problemOf, until } from "./problems.js";

let api: TestApi;
let clients: Clients;
let address = 1;
beforeAll(async () => {
  api = await startTestApi();
  clients = api.clients();
});
afterAll(() => api.close());
afterEach(() => clients.jobs.cancelJobs({ filter: { states: [JobState.QUEUED, JobState.DELAYED] } }));

async function newJob(run: string): Promise<string> {
  return (await clients.jobs.createJob({ job: { ...readSpec(address++), labels: { run } } as never })).job!.id;
}

/** A watch that collects until it is stopped. */
function collect(request: object): { seen: WatchJobsResponse[]; stop(): Promise<void> } {
  const seen: WatchJobsResponse[] = [];
  const abort = new AbortController();
  const reading = (async () => {
    for await (const item of clients.jobs.watchJobs(request, { signal: abort.signal })) seen.push(item);
  })().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error;
  });
  return {
    seen,
    async stop() {
      abort.abort();
      await reading;
    },
  };
}

const short = ({ item }: WatchJobsResponse): string =>
  item.case === "changed"
    ? `${item.value.id} ${stateName(item.value.state)}`
    : item.case === "removed"
      ? `${item.value} removed`
      : item.case!;

describe("WatchJobs", () => {
  test("gives the jobs there are, a mark, then each change, and removed for those that leave the filter", async () => {
    const first = await newJob("live");
    await newJob("other");
    const watch = collect({ filter: { labels: { run: "live" }, states: [JobState.QUEUED] } });
    await eventually(() => expect(watch.seen.map(short)).toEqual([`${first} QUEUED`, "synced"]));
    const second = await newJob("live");
    await eventually(() => expect(watch.seen.map(short)).toContain(`${second} QUEUED`));
    await clients.jobs.cancelJob({ id: first });
    await eventually(() => expect(watch.seen.map(short)).toContain(`${first} removed`));
    expect(watch.seen.map(short).filter((line) => line.endsWith("removed"))).toEqual([`${first} removed`]);
    await watch.stop();
  });

  test("says removed for a job that is deleted, once, and shows it again when that is taken back", async () => {
    const id = await newJob("deleted");
    await clients.jobs.cancelJob({ id });
    const watch = collect({ filter: { labels: { run: "deleted" } } });
    const all = collect({ filter: { labels: { run: "deleted" }, showDeleted: true } });
    for (const { seen } of [watch, all]) await eventually(() => expect(seen.map(short)).toContain("synced"));
    for (let i = 0; i < 2; i++) await clients.jobs.deleteJob({ id });
    const there = `${id} CANCELLED`;
    await eventually(() => expect(watch.seen.map(short)).toEqual([there, "synced", `${id} removed`]));
    await eventually(() => expect(all.seen.map(short)).toEqual([there, "synced", there]));
    await clients.jobs.undeleteJob({ id });
    await eventually(() => expect(watch.seen.map(short)).toEqual([there, "synced", `${id} removed`, there]));
    await eventually(() => expect(all.seen.map(short)).toEqual([there, "synced", there, there]));
    for (const { stop } of [watch, all]) await stop();
  });

  test("cut at any place and resumed shows every job in its last state", async () => {
    const filter = { labels: { run: "cut" } };
    const open =
      (cursor: string, skipInitial = false) =>
      (signal: AbortSignal) =>
        clients.jobs.watchJobs({ filter, cursor, skipInitial }, { signal });
    let { cursor } = (await until(open("", true), ({ item }) => item.case === "synced")).at(-1)!;
    const last = new Map<string, JobState>();
    const made: string[] = [];
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i <= round; i++) made.push(await newJob("cut"));
      for (const id of made.filter((_, index) => index % 2 === round % 2)) await clients.jobs.cancelJob({ id });
      let read = 0;
      const part = await until(open(cursor), ({ item }) => item.case === "changed" && ++read > round % 3);
      for (const { item } of part) if (item.case === "changed") last.set(item.value.id, item.value.state);
      cursor = part.at(-1)!.cursor;
    }
    const watch = collect({ filter, cursor });
    await eventually(async () => {
      for (const { item } of watch.seen) if (item.case === "changed") last.set(item.value.id, item.value.state);
      const { jobs } = await clients.jobs.batchGetJobs({ ids: made });
      expect(Object.fromEntries(last)).toEqual(Object.fromEntries(jobs.map(({ id, state }) => [id, state])));
    });
    await watch.stop();
  });

  test("a resumed watch says removed for a job that left the filter while nobody looked", async () => {
    const filter = { labels: { run: "gone" }, states: [JobState.QUEUED] };
    const id = await newJob("gone");
    const open = (signal: AbortSignal) => clients.jobs.watchJobs({ filter }, { signal });
    const { cursor } = (await until(open, ({ item }) => item.case === "synced")).at(-1)!;
    await clients.jobs.cancelJob({ id });
    const watch = collect({ filter, cursor });
    await eventually(() => expect(watch.seen.map(short)).toEqual(["synced", `${id} removed`]));
    await watch.stop();
  });

  test("sees a zone that came after it", async () => {
    const watch = collect({ filter: { labels: { run: "zone" } }, heartbeatInterval: { seconds: 1n } });
    await eventually(() => expect(watch.seen.map(short)).toContain("synced"));
    await clients.credentials.createCredential({ name: "far", login: { username: "u", password: "p" } });
    const device = { name: "far-1", address: "10.99.0.1", platform: "cisco_ios", credential: "far", zone: "far" };
    await clients.devices.createDevice({ device });
    const spec = { ...readSpec(), target: { case: "device", value: "far-1" }, labels: { run: "zone" } };
    const { job } = await clients.jobs.createJob({ job: spec as never });
    await eventually(() => expect(watch.seen.map(short)).toContain(`${job!.id} QUEUED`));
    await watch.stop();
  });

  test("follows output as changes of the job, without the outputs", async () => {
    const id = await newJob("output");
    const watch = collect({ filter: { ids: [id] } });
    await eventually(() => expect(watch.seen.map(short)).toContain("synced"));
    const worker = await claimNext(api.store);
    await worker.print(1, "some text\n");
    await worker.end({ result: commandsResult({ command: "show version", outputBytes: 10 }) });
    await eventually(() => expect(watch.seen.map(short).at(-1)).toBe(`${id} SUCCEEDED`));
    const last = watch.seen.at(-1)!.item.value as { result: { result: { value: { commands: { output: string }[] } } } };
    expect(last.result.result.value.commands[0]!.output).toBe("");
    await watch.stop();
  });

  test("a cursor of another filter, of another epoch, or of a place that there cannot be, is refused", async () => {
    const open = (signal: AbortSignal) => clients.jobs.watchJobs({ skipInitial: true }, { signal });
    const { cursor } = (await until(open, ({ item }) => item.case === "synced")).at(-1)!;
    const other = clients.jobs.watchJobs({ cursor, filter: { types: ["probe"] } });
    expect(await problemOf(all(other))).toMatchObject({ reason: "INVALID_CURSOR", fields: ["cursor"] });
    const [version, epoch, watched, place] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    const foreign = Buffer.from(JSON.stringify([version, "other", watched, place])).toString("base64url");
    expect(await problemOf(all(clients.jobs.watchJobs({ cursor: foreign })))).toMatchObject({
      ...{ code: "OutOfRange", reason: "HISTORY_GONE" },
    });
    for (const wrong of ["x", "", "-", "1-2-3", `${"9".repeat(23)}-0`, 7]) {
      const damaged = Buffer.from(JSON.stringify([version, epoch, watched, { default: wrong }])).toString("base64url");
      const answer = await problemOf(all(clients.jobs.watchJobs({ cursor: damaged })));
      expect(answer).toMatchObject({ reason: "INVALID_CURSOR" });
    }
  });

  test("a cursor of a zone that had no changes yet is refused once changes behind it are gone", async () => {
    await clients.credentials.createCredential({ name: "later", login: { username: "u", password: "p" } });
    const device = { name: "later-1", address: "10.99.0.2", platform: "cisco_ios", credential: "later", zone: "later" };
    await clients.devices.createDevice({ device });
    const spec = { ...readSpec(), target: { case: "device", value: "later-1" } };
    const filter = { zones: ["later"] };
    const open = (signal: AbortSignal) => clients.jobs.watchJobs({ filter }, { signal });
    const { cursor } = (await until(open, ({ item }) => item.case === "synced")).at(-1)!;
    const { job } = await clients.jobs.createJob({ job: spec as never });
    const resume = (signal: AbortSignal) => clients.jobs.watchJobs({ filter, cursor }, { signal });
    const resumed = await until(resume, ({ item }) => item.case === "changed");
    expect(resumed.at(-1)!.item.value).toMatchObject({ id: job!.id });

    // As if some two hundred thousand others had come since; what comes next trims the feed.
    const others = "for i = 1, 201000 do redis.call('XADD', KEYS[1], '*', ARGV[1], i) end";
    await api.at.redis.eval(others, 1, "{pm:later}:feed", job!.id);
    await clients.jobs.cancelJob({ id: job!.id });
    expect(await problemOf(all(clients.jobs.watchJobs({ filter, cursor })))).toMatchObject({ reason: "HISTORY_GONE" });
  });

  test("a watch whose last changes Redis has lost ends, and is refused where it stood", async () => {
    await clients.credentials.createCredential({ name: "lost", login: { username: "u", password: "p" } });
    const device = { name: "lost-1", address: "10.99.0.3", platform: "cisco_ios", credential: "lost", zone: "lost" };
    await clients.devices.createDevice({ device });
    const create = async (): Promise<string> =>
      (await clients.jobs.createJob({ job: { ...readSpec(), target: { case: "device", value: "lost-1" } } as never }))
        .job!.id;
    const { redis } = api.at;
    const feed = "{pm:lost}:feed";
    await create();
    const older = await redis.dumpBuffer(feed);
    const filter = { zones: ["lost"] };
    const seen: WatchJobsResponse[] = [];
    const watching = (async () => {
      for await (const item of clients.jobs.watchJobs({ filter })) seen.push(item);
    })();
    await eventually(() => expect(seen.map(short)).toContain("synced"));
    const forgotten = await create();
    await eventually(() => expect(seen.map(short)).toContain(`${forgotten} QUEUED`));

    // As a replica does that had not heard of the last changes: what comes next stands where these stood, or before.
    await redis.restore(feed, 0, older, "REPLACE");
    await create();
    expect(await problemOf(watching)).toMatchObject({ code: "OutOfRange", reason: "HISTORY_GONE" });
    const { cursor } = seen.at(-1)!;
    expect(await problemOf(all(clients.jobs.watchJobs({ filter, cursor })))).toMatchObject({ reason: "HISTORY_GONE" });
  });
});
