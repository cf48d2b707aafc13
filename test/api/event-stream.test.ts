import { spawn } from "node:child_process";
import { connect } from "node:http2";
import { JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  claimNext,
  type Clients,
  commandsResult,
  readSpec,
  startTestApi,
  type TestApi,
} from "../support/api-server.js";
import { eventually } from "../support/eventually.js";

let api: TestApi;
let clients: Clients;
let address = 1;
beforeAll(async () => {
  api = await startTestApi();
  clients = api.clients();
});
afterAll(() => api.close());

interface SentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: { readonly number?: number; readonly output?: { readonly text: string } };
}

/** `curl -N` on the event stream; `text()` is what it printed so far. */
function curl(id: string, ...more: readonly string[]): { text(): string; ended: Promise<number>; stop(): void } {
  const child = spawn("curl", ["-sN", ...more, `${api.baseUrl}/v1/jobs/${id}/events`]);
  let text = "";
  child.stdout.on("data", (data: Buffer) => (text += data.toString()));
  const ended = new Promise<number>((done) => child.once("close", (code) => done(code ?? -1)));
  return { text: () => text, ended, stop: () => void child.kill() };
}

function parse(text: string): SentEvent[] {
  return text
    .split("\n\n")
    .filter((block) => block.includes("event: "))
    .map((block) => {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? "";
      return { id: field("id"), event: field("event"), data: JSON.parse(field("data")) as SentEvent["data"] };
    });
}

const newJob = async (): Promise<string> =>
  (await clients.jobs.createJob({ job: readSpec(address++) as never })).job!.id;

describe("GET /v1/jobs/{id}/events", () => {
  test("follows a job live with curl -N, resumes by Last-Event-ID, and says close at the end", async () => {
    const id = await newJob();
    const first = curl(id);
    const worker = await claimNext(api.store);
    await worker.facts({ kind: "started", command: 1, line: "show version" });
    await worker.print(1, "line one\nline two\n");
    await eventually(() => expect(parse(first.text()).map(({ event }) => event)).toContain("output"));
    first.stop();
    await first.ended;
    const before = parse(first.text());
    expect(before.map(({ event }) => event)).toEqual(["state", "state", "command", "output"]);
    expect(before.at(-1)!.data.output).toMatchObject({ text: "line one\nline two\n" });

    const second = curl(id, "-H", `Last-Event-ID: ${before[1]!.id}`);
    await worker.print(1, "line three\n");
    await worker.end({ result: commandsResult({ command: "show version", outputBytes: 29 }) });
    expect(await second.ended).toBe(0);
    const after = parse(second.text());
    expect(after.map(({ event }) => event)).toEqual(["command", "output", "output", "state", "close"]);
    expect(after.slice(0, -1).map(({ data }) => data.number)).toEqual([3, 4, 5, 6]);

    const again = curl(id, "-H", `Last-Event-ID: ${after.at(-1)!.id}`);
    expect(await again.ended).toBe(0);
    expect(parse(again.text()).map(({ event }) => event)).toEqual(["close"]);
  });

  test("is the same over HTTP/2", async () => {
    const id = await newJob();
    await clients.jobs.cancelJob({ id });
    const h2 = curl(id, "--http2-prior-knowledge");
    expect(await h2.ended).toBe(0);
    expect(parse(h2.text()).at(-1)!.event).toBe("close");
  });

  test("takes the cursor from the query as well, where headers cannot be set", async () => {
    const id = await newJob();
    await clients.jobs.cancelJob({ id });
    const whole = parse(await (await fetch(`${api.baseUrl}/v1/jobs/${id}/events`)).text());
    const rest = await fetch(`${api.baseUrl}/v1/jobs/${id}/events?cursor=${whole[0]!.id}`);
    expect(rest.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(parse(await rest.text())).toEqual(whole.slice(1));
  });

  test.each([
    ["an unknown job", "0".repeat(26), "", 404, "not_found"],
    ["what is no id", "nonsense", "", 400, "invalid_argument"],
    ["a damaged cursor", undefined, "?cursor=AAAA", 400, "invalid_argument"],
    ["a cursor too long", undefined, `?cursor=${"A".repeat(300)}`, 400, "invalid_argument"],
  ])("%s is refused as JSON", async (_what, given, query, status, code) => {
    const id = given ?? (await newJob());
    const response = await fetch(`${api.baseUrl}/v1/jobs/${id}/events${query}`);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code, message: expect.any(String) as string });
    await clients.jobs.cancelJobs({ filter: { states: [JobState.QUEUED] } });
  });

  test("another HTTP method is refused", async () => {
    expect((await fetch(`${api.baseUrl}/v1/jobs/${"0".repeat(26)}/events`, { method: "POST" })).status).toBe(501);
  });

  test("needs a key of some role where keys are configured", async () => {
    const own = await startTestApi({ withKey: true });
    try {
      const url = `${own.baseUrl}/v1/jobs/${"0".repeat(26)}/events`;
      expect((await fetch(url)).status).toBe(401);
      expect((await fetch(url, { headers: { "x-api-key": await own.key("reader") } })).status).toBe(404);
    } finally {
      await own.close();
    }
  });

  test("ends with a failure and without close when the server stops, so that its reader resumes elsewhere", async () => {
    const own = await startTestApi();
    const { job } = await own.clients().jobs.createJob({ job: readSpec() as never });
    const response = await fetch(`${own.baseUrl}/v1/jobs/${job!.id}/events`);
    let text = "";
    const reading = (async () => {
      for await (const piece of response.body!) text += Buffer.from(piece as Uint8Array).toString();
    })();
    await eventually(() => expect(parse(text).map(({ event }) => event)).toEqual(["state"]));
    await own.server.close(60_000);
    await reading;
    const events = parse(text);
    expect(events.map(({ event }) => event)).toEqual(["state", "failure"]);
    expect(events[1]?.data).toMatchObject({ code: "unavailable" });
    await own.at.close();
  });

  test("waits for a reader that has stopped reading, and forgets it when it goes", async () => {
    const id = await newJob();
    const session = connect(api.baseUrl);
    const stream = session.request({ ":path": `/v1/jobs/${id}/events` });
    await new Promise((done) => stream.once("response", done));
    stream.pause();
    const worker = await claimNext(api.store);
    const reads: number[] = [];
    const { jobs } = api.store;
    const { output } = jobs;
    Object.assign(jobs, {
      output(job: string, offset: number, length: number) {
        reads.push(length);
        return output(job, offset, length);
      },
    });
    try {
      for (let i = 0; i < 8; i++) await worker.print(1, new Uint8Array(1024 * 1024).fill(0x61));
      await worker.end({});
      expect(reads.reduce((sum, length) => sum + length, 0)).toBeLessThan(2 * 1024 * 1024);
    } finally {
      Object.assign(jobs, { output });
      session.destroy();
    }
  });
});
