import { once } from "node:events";
import { JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { device, startOurs, startSystem, type System } from "../support/system.js";
import { samplesOf, type Sample } from "./samples.js";

let at: System;
let workerPort: number;

beforeAll(async () => {
  workerPort = await freePort();
  at = await startSystem({
    workers: 0,
    devices: [device("r1"), device("srv1", { platform: "linux" }), device("silent", { faults: { silent: true } })],
  });
  await at.startWorker({ POINTSMAN_METRICS_PORT: String(workerPort) });
});
afterAll(() => at.close());

async function scrape(url: string): Promise<Sample[]> {
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(200);
  return samplesOf(await response.text());
}

const worker = (): Promise<Sample[]> => scrape(`http://127.0.0.1:${workerPort}`);
const server = (): Promise<Sample[]> => scrape(at.url);

function sum(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const fitting = samples.filter(
    (one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
  );
  return fitting.reduce((total, { value }) => total + value, 0);
}

describe("metrics", () => {
  test("say what a worker did: attempts, waits, intents, connections, outputs, calls of Redis", async () => {
    await at.client.jobs.run({ device: "r1", commands: ["show version"] });
    const change = await at.client.jobs.run({ device: "srv1", commands: ["uptime"] });
    expect(change.state).toBe(JobState.SUCCEEDED);
    await at.client.jobs.run({
      device: "silent",
      commands: ["show version"],
      executionTimeoutMs: 1_500,
      retry: { maxAttempts: 1 },
    });
    // An end is told before it is counted.
    const samples = await eventually(async () => {
      const some = await worker();
      expect(sum(some, "pointsman_attempts_total")).toBe(3);
      expect(sum(some, "pointsman_worker_sessions", { state: "idle" })).toBe(2);
      return some;
    });
    expect(sum(samples, "pointsman_attempts_total", { type: "commands", outcome: "SUCCEEDED" })).toBe(2);
    expect(sum(samples, "pointsman_attempts_total", { outcome: "FAILED" })).toBe(1);
    expect(sum(samples, "pointsman_attempt_failures_total")).toBe(1);
    expect(sum(samples, "pointsman_attempt_duration_seconds_count")).toBe(3);
    expect(sum(samples, "pointsman_job_wait_seconds_count")).toBe(3);
    expect(sum(samples, "pointsman_intents_total", { answer: "OK" })).toBe(1);
    expect(sum(samples, "pointsman_journal_write_seconds_count")).toBe(2);
    expect(sum(samples, "pointsman_ssh_connect_seconds_count")).toBeGreaterThanOrEqual(1);
    expect(sum(samples, "pointsman_output_bytes_total")).toBeGreaterThan(100);
    expect(sum(samples, "pointsman_redis_call_seconds_count", { script: "finish" })).toBe(3);
    expect(sum(samples, "pointsman_worker_capacity")).toBe(1_000);
    expect(sum(samples, "pointsman_worker_sessions", { state: "idle" })).toBe(2);
    expect(sum(samples, "pointsman_build_info")).toBe(1);
  });

  test("say which calls a server answered, by method and code, under names that no caller chooses", async () => {
    const missing = await fetch(`${at.url}/nothing/${"x".repeat(40)}`);
    await missing.text();
    await at.client.jobs.get("00000000000000000000000000").catch(() => undefined);
    // A call is counted behind its answer.
    const samples = await eventually(async () => {
      const some = await server();
      expect(sum(some, "pointsman_rpc_inflight")).toBe(1);
      return some;
    });
    const method = "pointsman.v1.JobService/GetJob";
    expect(sum(samples, "pointsman_rpc_requests_total", { method, code: "not_found" })).toBe(1);
    expect(sum(samples, "pointsman_rpc_requests_total", { method: "other" })).toBe(1);
    expect(sum(samples, "pointsman_rpc_duration_seconds_count", { method: "pointsman.v1.JobService/CreateJob" })).toBe(
      3,
    );
    expect(sum(samples, "pointsman_watch_streams")).toBe(0);
  });

  test("carry no name of a device, a job or a caller, and stay few", async () => {
    for (const samples of [await worker(), await server()]) {
      const values = new Set(samples.flatMap(({ labels }) => Object.values(labels)));
      for (const name of ["r1", "silent", "local"]) expect(values).not.toContain(name);
      expect(samples.length).toBeLessThan(5_000);
    }
  });

  test("have nothing else beside them on a port of their own", async () => {
    const away = await fetch(`http://127.0.0.1:${workerPort}/elsewhere`);
    expect(away.status).toBe(404);
    expect(await away.text()).toBe("metrics are at /metrics\n");
  });

  test("need a key on the API's port as soon as there is one", async () => {
    const made = startOurs(["keys", "create", "--role", "reader", "--name", "prometheus", "--json"], at.env);
    await once(made.child, "close");
    const { key } = JSON.parse(made.log[0] ?? "{}") as { key: string };
    await eventually(async () => expect((await fetch(`${at.url}/metrics`)).status).toBe(401));
    const response = await fetch(`${at.url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
    expect(response.status).toBe(200);
  });
});
