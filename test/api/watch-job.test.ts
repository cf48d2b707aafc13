import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { JobState, type WatchJobResponse } from "@pointsman/sdk/v1";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  claimNext,
  type Clients,
  commandsResult,
  readSpec,
  startTestApi,
  type TestApi,
  transports,
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
// The scripted worker takes whatever is next: nothing of one test may be left for another.
afterEach(() => clients.jobs.cancelJobs({ filter: { states: [JobState.QUEUED, JobState.DELAYED] } }));

async function newJob(): Promise<string> {
  return (await clients.jobs.createJob({ job: readSpec(address++) as never })).job!.id;
}

/** Watches a job, from behind the mark on. */
async function watch(jobs: Clients["jobs"], id: string) {
  const seen: WatchJobResponse[] = [];
  const watching = (async () => {
    for await (const item of jobs.watchJob({ id })) seen.push(item);
  })();
  await eventually(() => expect(cases(seen)).toContain("synced"));
  return { seen, watching };
}

async function finished(): Promise<string> {
  const id = await newJob();
  const worker = await claimNext(api.store);
  await worker.facts({ kind: "started", command: 1, line: "show version" });
  await worker.print(1, "one\n");
  await worker.print(1, "zwei ä €\n");
  await worker.end({ result: commandsResult({ command: "show version", outputBytes: 17 }) });
  return id;
}

const cases = (items: readonly WatchJobResponse[]): string[] => items.map(({ item }) => item.case!);
const numbers = (items: readonly WatchJobResponse[]): number[] =>
  items.flatMap(({ item }) => (item.case === "event" ? [item.value.number] : []));
const text = (items: readonly WatchJobResponse[]): string =>
  items
    .map(({ item }) => (item.case === "event" && item.value.event.case === "output" ? item.value.event.value.text : ""))
    .join("");

describe("WatchJob", () => {
  test.each(["gRPC over HTTP/2", "gRPC-Web over HTTP/1.1", "Connect JSON over HTTP/1.1", "Connect binary over HTTP/2"])(
    "over %s: snapshot, every event so far, a mark, then live to the end, which is clean",
    async (name) => {
      const { jobs } = api.clients(transports(api.baseUrl)[name]);
      const id = await newJob();
      const { seen, watching } = await watch(jobs, id);
      expect(cases(seen)).toEqual(["snapshot", "event", "synced"]);
      const worker = await claimNext(api.store);
      await worker.print(1, "grüezi\n");
      await eventually(() => expect(text(seen)).toBe("grüezi\n"));
      await worker.end({ result: commandsResult({ command: "show version", outputBytes: 8 }) });
      await watching;
      expect(numbers(seen)).toEqual(numbers(seen).map((_, index) => index + 1));
      const last = seen.at(-1)!.item;
      expect(last.case === "event" && last.value.event.value).toMatchObject({ state: JobState.SUCCEEDED });
    },
  );

  test.each(["gRPC over HTTP/2", "gRPC-Web over HTTP/1.1", "Connect binary over HTTP/2"])(
    "over %s what is large enough to be compressed keeps its place among the rest",
    async (name) => {
      const { jobs } = api.clients(transports(api.baseUrl)[name]);
      const id = await newJob();
      const { seen, watching } = await watch(jobs, id);
      const worker = await claimNext(api.store);
      const parts = ["one\n", `${"zwei ".repeat(20_000)}\n`, "three\n", `${"four ".repeat(20_000)}\n`, "five\n"];
      for (const part of parts) await worker.print(1, part);
      await worker.end({ result: commandsResult({ command: "show version", outputBytes: parts.join("").length }) });
      await watching;
      expect(text(seen)).toBe(parts.join(""));
      expect(numbers(seen)).toEqual(numbers(seen).map((_, index) => index + 1));
    },
  );

  test("many who watch one job have its history read for them together, once for each news", async () => {
    const id = await newJob();
    const reads: number[] = [];
    const { events } = api.store.jobs;
    Object.assign(api.store.jobs, {
      events: (of: string, from: number, limit: number) => {
        if (of === id) reads.push(from);
        return events(of, from, limit);
      },
    });
    try {
      const seen = Array.from({ length: 40 }, (): WatchJobResponse[] => []);
      const watching = seen.map(async (items) => {
        for await (const item of clients.jobs.watchJob({ id })) items.push(item);
      });
      await eventually(() => expect(seen.filter((items) => cases(items).includes("synced"))).toHaveLength(40));
      const before = reads.length;
      await clients.jobs.cancelJob({ id });
      await Promise.all(watching);
      for (const items of seen) {
        expect(cases(items).slice(-1)).toEqual(["event"]);
        expect(items.slice(1)).toEqual(seen[0]!.slice(1));
      }
      // A few may have been at something else when the news came.
      expect(reads.length - before).toBeLessThan(20);
    } finally {
      Object.assign(api.store.jobs, { events });
    }
  });

  test("resumed behind any of its answers gives exactly what followed", async () => {
    const id = await finished();
    const whole = await all(clients.jobs.watchJob({ id }));
    expect(text(whole)).toBe("one\nzwei ä €\n");
    const last = Math.max(...numbers(whole));
    for (const [index, { cursor }] of whole.entries()) {
      const rest = await all(clients.jobs.watchJob({ id, cursor }));
      const before = Math.max(0, ...numbers(whole.slice(0, index + 1)));
      expect(numbers(rest)).toEqual(Array.from({ length: last - before }, (_, i) => before + 1 + i));
      expect(cases(rest)).not.toContain("snapshot");
    }
  });

  test("can leave out the history", async () => {
    const id = await finished();
    expect(cases(await all(clients.jobs.watchJob({ id, skipHistory: true })))).toEqual(["snapshot", "synced"]);
  });

  test("sends heartbeats while nothing happens", async () => {
    const id = await newJob();
    const open = (signal: AbortSignal): AsyncIterable<WatchJobResponse> =>
      clients.jobs.watchJob({ id, heartbeatInterval: { seconds: 1n } }, { signal });
    const seen = await until(open, ({ item }) => item.case === "heartbeat");
    expect(cases(seen)).toEqual(["snapshot", "event", "synced", "heartbeat"]);
  });

  test("ends cleanly at an unknown outcome, and its resolution is the last event", async () => {
    const { job } = await clients.jobs.createJob({
      job: readSpec(address++, ["clear counters"]) as never,
      requestId: crypto.randomUUID(),
    });
    const id = job!.id;
    const worker = await claimNext(api.store);
    expect(await api.store.leases.intent(worker.holder, 1)).toMatchObject({ answer: "OK" });
    const watching = all(clients.jobs.watchJob({ id }));
    await worker.end({ verdict: "INDETERMINATE", error: { reason: "DISCONNECTED", message: "gone" } });
    const seen = await watching;
    await clients.jobs.resolveJob({ id, kind: 1, reason: "looked at it" });
    const rest = await all(clients.jobs.watchJob({ id, cursor: seen.at(-1)!.cursor }));
    expect(cases(rest)).toEqual(["event", "synced"]);
    expect(rest[0]!.item.value).toMatchObject({ event: { case: "resolved", value: { resolver: "local" } } });
  });

  test.each([
    ["of no job", { id: "0".repeat(26) }, "NotFound", "JOB_NOT_FOUND"],
    ["from a damaged cursor", { cursor: "AAAA" }, "InvalidArgument", "INVALID_CURSOR"],
    ["from another job's cursor", { cursor: cursorOf("job/other", 1) }, "InvalidArgument", "INVALID_CURSOR"],
    ["from a cursor of another epoch", { epoch: "other" }, "OutOfRange", "HISTORY_GONE"],
    ["from a cursor of events that never were", { number: 1_000 }, "OutOfRange", "HISTORY_GONE"],
  ] as const)("%s is refused with its reason", async (_what, change, code, reason) => {
    const id = "id" in change ? change.id : await newJob();
    let cursor = "cursor" in change ? change.cursor : "";
    if ("epoch" in change) cursor = cursorOf(`job/${id}`, 1, change.epoch);
    if ("number" in change) cursor = cursorOf(`job/${id}`, change.number, await api.store.watches.epoch());
    expect(await problemOf(all(clients.jobs.watchJob({ id, cursor })))).toMatchObject({ code, reason });
  });

  test("leaves no listener behind when its caller goes away", async () => {
    const id = await newJob();
    const listening = counted(api);
    await until(
      (signal) => clients.jobs.watchJob({ id }, { signal }),
      ({ item }) => item.case === "synced",
    );
    await eventually(() => expect(listening()).toBe(0));
    expect(listening.most()).toBe(1);
  });
});

describe("a watcher that never reads", () => {
  test("costs less than 1 MiB after 100 MB of output", async () => {
    const own = await startTestApi();
    const stop = new AbortController();
    try {
      const { jobs } = own.clients(transports(own.baseUrl)["gRPC over HTTP/2"]);
      const { job } = await jobs.createJob({ job: readSpec() as never });
      const id = job!.id;
      const worker = await claimNext(own.store);
      // Reads one answer and never again: the flow control of HTTP/2 holds the rest back.
      const stalled = jobs.watchJob({ id }, { signal: stop.signal })[Symbol.asyncIterator]();
      await stalled.next();
      const megabyte = new Uint8Array(1024 * 1024).fill(0x61);
      await worker.print(1, megabyte);
      const before = memory();
      for (let sent = 1; sent < 100; sent++) await worker.print(1, megabyte);
      await eventually(() => expect(memory() - before).toBeLessThan(1024 * 1024), 60_000);
      await worker.end({});
    } finally {
      stop.abort();
      await own.close();
    }
  });
});

describe("GetJob", () => {
  test("with wait_timeout answers when the job is final, with its outputs", async () => {
    const id = await newJob();
    const waiting = clients.jobs.getJob({ id, waitTimeout: { seconds: 60n } });
    const worker = await claimNext(api.store);
    await worker.print(1, "hello ü\n");
    await worker.end({ result: commandsResult({ command: "show version", outputBytes: 9 }) });
    const { job } = await waiting;
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, outputBytes: 9 });
    expect(job!.result!.result.value).toMatchObject({ commands: [{ output: "hello ü\n", outputBytes: 9 }] });
    const basic = await clients.jobs.getJob({ id, view: 1 });
    expect(basic.job!.result!.result.value).toMatchObject({ commands: [{ output: "", outputBytes: 9 }] });
  });

  test("answers with the job as it is when the time is up, and keeps to the caller's own deadline", async () => {
    const id = await newJob();
    const { job } = await clients.jobs.getJob({ id, waitTimeout: { nanos: 50_000_000 } });
    expect(job!.state).toBe(JobState.QUEUED);
    const late = clients.jobs.getJob({ id, waitTimeout: { seconds: 30n } }, { timeoutMs: 200 });
    expect(await problemOf(late)).toMatchObject({ code: "DeadlineExceeded" });
  });

  test("gives the outputs of the last attempt, not those of attempts before it", async () => {
    const id = await newJob();
    const first = await claimNext(api.store);
    await first.print(1, "lost half");
    await first.end({ verdict: "RETRY", retryInMs: 0, error: { reason: "DISCONNECTED", message: "gone" } });
    await api.store.upkeep.tick("default");
    const second = await eventually(() => claimNext(api.store));
    await second.print(1, "all of it\n");
    await second.end({ result: commandsResult({ command: "show version", outputBytes: 10 }) });
    const { job } = await clients.jobs.getJob({ id });
    expect(job!.result!.result.value).toMatchObject({ commands: [{ output: "all of it\n" }] });
    expect(job!.attempts).toMatchObject([{ number: 1, error: { reason: "DISCONNECTED" } }, { number: 2 }]);
  });
});

describe("ListJobEvents", () => {
  test("pages through the history without gap or repetition", async () => {
    const id = await finished();
    const seen: number[] = [];
    let pageToken = "";
    do {
      const page = await clients.jobs.listJobEvents({ id, pageSize: 2, pageToken });
      expect(page.events.length).toBeLessThanOrEqual(2);
      seen.push(...page.events.map(({ number }) => number));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    const { job } = await clients.jobs.getJob({ id });
    expect(seen).toEqual(Array.from({ length: job!.lastEvent }, (_, index) => index + 1));
  });
});

function cursorOf(watched: string, place: unknown, epoch = "x"): string {
  return Buffer.from(JSON.stringify([1, epoch, watched, place])).toString("base64url");
}

/** Memory in use by this process, server and client together, less what is only waiting to be collected. */
function memory(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Counts a store's job listeners from now on. */
function counted({ store }: TestApi): (() => number) & { most(): number } {
  let now = 0;
  let most = 0;
  const { watches } = store;
  const { onJob } = watches;
  Object.assign(watches, {
    onJob(id: string, changed: () => void) {
      most = Math.max(most, ++now);
      const stop = onJob(id, changed);
      let stopped = false;
      return () => {
        if (!stopped) now--;
        stopped = true;
        stop();
      };
    },
  });
  return Object.assign(() => now, { most: () => most });
}
