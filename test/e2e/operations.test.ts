import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { JobInput } from "@pointsman/sdk";
import { Effect, EffectClass, type Job, JobState, WaitingReason } from "@pointsman/sdk/v1";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { eventually } from "../support/eventually.js";
import { startSystem, type System } from "../support/system.js";

let at: System;

beforeAll(async () => {
  at = await startSystem({ devices: [], workers: 0, env: { POINTSMAN_HTTP_ALLOW_ADDRESSES: "127.0.0.1" } });
  const shell = { POINTSMAN_SHELL_COMMANDS: "echo,sh,sleep,/bin/false,no-such-program" };
  await at.startWorker({ POINTSMAN_NODE: "alpha", ...shell });
  await at.startWorker({ POINTSMAN_NODE: "beta", POINTSMAN_SHELL_COMMANDS: "echo" });
});
afterAll(() => at.close());

const run = (job: JobInput): Promise<Job> => at.client.jobs.run(job);

function shellOf(job: Job) {
  if (job.result?.result.case !== "shell") throw new Error("no result of a program");
  return job.result.result.value;
}

describe("a program on a node", () => {
  test("runs there, divided into words and not expanded, and its output is in the result", async () => {
    const job = await run({ node: "alpha", shell: `echo hello "wide  world" $HOME '*'` });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, endpoint: "" });
    expect(job.effectClass).toBe(EffectClass.AT_MOST_ONCE);
    expect(job.spec?.queue).toBe("fifo");
    expect(shellOf(job)).toMatchObject({
      argv: ["echo", "hello", "wide  world", "$HOME", "*"],
      stdout: "hello wide  world $HOME *\n",
      stderr: "",
      exitStatus: 0,
    });
  });

  test("on all nodes, from the command line", async () => {
    const { status, stdout } = await runCli(["shell", "--all-nodes", "--", "echo", "hello", "world"], { url: at.url });
    expect([status, stdout.split("\n").sort()]).toEqual([0, ["", "alpha: hello world", "beta: hello world"]]);
  });

  test("that ends with another status FAILED, with what it printed on both streams", async () => {
    const job = await run({ node: "alpha", shell: ["sh", "-c", "echo out; echo häßlich >&2; exit 3"] });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL });
    expect(job.error).toMatchObject({ reason: "PROGRAM_FAILED", metadata: { exit_status: "3" } });
    expect(shellOf(job)).toMatchObject({ stdout: "out\n", stderr: "häßlich\n", exitStatus: 3 });
  });

  test("has an environment of its own", async () => {
    const job = await run({ node: "alpha", shell: ["sh", "-c", "env"] });
    const names = shellOf(job)
      .stdout.split("\n")
      .map((line) => line.split("=")[0]);
    expect(names).toContain("POINTSMAN_JOB");
    expect(names.filter((name) => name?.startsWith("POINTSMAN_"))).toEqual(["POINTSMAN_JOB"]);
  });

  test("that the worker does not allow, or that is not there, is not run", async () => {
    const forbidden = await run({ node: "beta", shell: "sleep 1" });
    expect([forbidden.error?.reason, forbidden.effect]).toEqual(["SHELL_FORBIDDEN", Effect.NONE]);
    const missing = await run({ node: "alpha", shell: "no-such-program" });
    expect(missing.error?.reason).toBe("PROGRAM_NOT_STARTED");
  });

  test.each([
    ["timeout", "EXECUTION_TIMEOUT"],
    ["cancel", "CANCELLED"],
  ])("is killed with its children on %s", async (how, reason) => {
    const script = "sleep 600 & echo $!; wait";
    const asked = await at.client.jobs.create({
      node: "alpha",
      shell: ["sh", "-c", script],
      ...(how === "timeout" ? { executionTimeoutMs: 4_000 } : {}),
    });
    const child = await eventually(async () => {
      for await (const { event } of at.client.jobs.events(asked.id)) {
        if (event.case === "output") return Number(event.value.text);
      }
      throw new Error("it has printed nothing yet");
    });
    if (how === "cancel") await at.client.jobs.cancel(asked.id, { interruptRunning: true });
    const job = await at.client.jobs.get(asked.id, { waitMs: 120_000 });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, error: { reason } });
    // What nobody has buried yet is dead all the same.
    await eventually(() => {
      const state = spawnSync("ps", ["-o", "stat=", "-p", String(child)], { encoding: "utf8" }).stdout;
      expect(state.trim()).toMatch(/^(Z.*)?$/);
    });
  });

  test("that floods is cut at the job's limit and killed", async () => {
    const job = await run({
      node: "alpha",
      shell: ["sh", "-c", "while :; do echo 0123456789; done"],
      maxOutputBytes: 4_096,
    });
    expect(job.error?.reason).toBe("OUTPUT_TOO_LARGE");
    expect(shellOf(job)).toMatchObject({ outputTruncated: true, stdoutBytes: 4_096 });
  });

  test("many run at once, also on one node, while one of them takes long", async () => {
    const long = await at.client.jobs.create({ node: "alpha", shell: "sleep 600" });
    const jobs = await Promise.all(Array.from({ length: 20 }, (_, i) => run({ node: "alpha", shell: `echo ${i}` })));
    expect(jobs.map((job) => shellOf(job).stdout)).toEqual(jobs.map((_, i) => `${i}\n`));
    await at.client.jobs.cancel(long.id, { interruptRunning: true });
    await at.client.jobs.get(long.id, { waitMs: 120_000 });
  });

  test.each([
    [{ shell: "echo" }, "job.target"],
    [{ node: "alpha", shell: "echo 'open" }, "job.shell.command"],
    [{ node: "alpha", commands: ["show clock"] }, "job.target"],
  ])("%j is refused", async (job, field) => {
    await expect(at.client.jobs.create(job)).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      fieldViolations: [{ field }],
    });
  });

  test("on a node that nobody knows is NODE_NOT_FOUND; on one whose worker is gone it waits for one", async () => {
    await expect(at.client.jobs.create({ node: "omega", shell: "echo" })).rejects.toMatchObject({
      reason: "NODE_NOT_FOUND",
    });
    const env = { POINTSMAN_NODE: "gamma", POINTSMAN_SHELL_COMMANDS: "echo" };
    const gone = await at.startWorker(env);
    await gone.stop();
    const waiting = await at.client.jobs.create({ node: "gamma", shell: "echo late" });
    expect((await at.client.jobs.get(waiting.id)).waitingReason).toBe(WaitingReason.NO_WORKER);
    await at.startWorker(env);
    const job = await at.client.jobs.get(waiting.id, { waitMs: 120_000 });
    expect(shellOf(job).stdout).toBe("late\n");
    const listed = [];
    for await (const one of at.client.jobs.list({ nodes: ["gamma"] })) listed.push(one.id);
    expect(listed).toEqual([waiting.id]);
  });
});

describe("a call of a URL", () => {
  let handle: (response: ServerResponse, count: number) => void;
  const calls: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      calls.push({ headers: request.headers, body: Buffer.concat(pieces).toString() });
      handle(response, calls.length);
    });
  });
  let url = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  });
  afterEach(() => void calls.splice(0));
  afterAll(() => server.close());

  test("posts its payload, signed, and shows the answer and no secret", async () => {
    handle = (response) =>
      response.writeHead(201, { "x-answer": "42", "x-heard": "hush-hush" }).end("made for Bearer hush-hush");
    const job = await run({
      http: {
        ...{ url, payload: { device: "r1", n: [1, 2] }, headers: { "X-Site": "fra" } },
        ...{ secretHeaders: { Authorization: "Bearer hush-hush" }, signingSecret: "s3cret" },
      },
    });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effectClass: EffectClass.IDEMPOTENT });
    expect(job.result?.result.value).toMatchObject({
      status: 201,
      headers: { "x-answer": "42", "x-heard": "<redacted>" },
    });
    expect(job.result?.result.value).toMatchObject({ body: "made for <redacted>" });
    const [{ headers, body } = { headers: {}, body: "" }] = calls;
    expect(JSON.parse(body)).toEqual({ device: "r1", n: [1, 2] });
    expect(headers).toMatchObject({ "x-site": "fra", authorization: "Bearer hush-hush", "idempotency-key": job.id });
    const [, seconds = "", digest] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers["pointsman-signature"])) ?? [];
    expect(digest).toBe(createHmac("sha256", "s3cret").update(`${seconds}.${body}`).digest("hex"));
    expect(job.spec?.operation.value).toMatchObject({ signed: true, secretHeaders: { Authorization: "" } });
    expect(JSON.stringify(job, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))).not.toMatch(
      /hush-hush|s3cret/,
    );
    await expect(at.client.jobs.retry(job.id)).rejects.toMatchObject({ reason: "SECRET_ERASED" });
  });

  test("is tried again after statuses that pass, under one key, and not after others", async () => {
    handle = (response, count) => response.writeHead(count === 1 ? 503 : 200, { "retry-after": "0" }).end();
    const passed = await run({ http: { url }, retry: { initialBackoffMs: 1 } });
    expect([passed.state, passed.attempts.length]).toEqual([JobState.SUCCEEDED, 2]);
    expect(new Set(calls.map(({ headers }) => headers["idempotency-key"]))).toEqual(new Set([passed.id]));
    handle = (response) => response.writeHead(404).end("no");
    const failed = await run({ http: { url }, retry: { initialBackoffMs: 1 } });
    expect([failed.error?.reason, failed.error?.metadata["status"]]).toEqual(["CALLBACK_FAILED", "404"]);
    expect(failed.attempts).toHaveLength(1);
  });

  test.each(["http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://10.0.0.1/", "http://0x0a000001/"])(
    "%s is refused",
    async (inside) => {
      const job = await run({ http: { url: inside } });
      expect([job.state, job.error?.reason]).toEqual([JobState.FAILED, "ADDRESS_REFUSED"]);
    },
  );
});
