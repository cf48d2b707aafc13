import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTracing } from "../../src/observe/tracing.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";
import { type ReceivedSpan, startOtlpReceiver } from "./otlp-receiver.js";

let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
let at: System;

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  at = await startSystem({
    devices: [device("srv1", { platform: "linux" }), device("r1")],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: "50" },
  });
});
afterAll(async () => {
  await at.close();
  await receiver.close();
});

const traceId = "0af7651916cd43dd8448eb211c80319c";
const callerSpan = "b7ad6b7169203331";

async function create(body: unknown, traceparent: string): Promise<string> {
  const response = await fetch(`${at.url}/pointsman.v1.JobService/CreateJob`, {
    method: "POST",
    headers: { "content-type": "application/json", traceparent },
    body: JSON.stringify(body),
  });
  const { job } = (await response.json()) as { job: { id: string } };
  return job.id;
}

describe("tracing", () => {
  test("one trace leads from the caller through the queue to the command on the device", async () => {
    const id = await create(
      { job: { device: "srv1", commands: { commands: [{ command: "uptime" }] } }, requestId: "traced-1" },
      `00-${traceId}-${callerSpan}-01`,
    );
    const job = await at.client.jobs.get(id, { waitMs: 20_000 });
    expect(job.traceId).toBe(traceId);
    const ours = await eventually(() => {
      const some = receiver.spans.filter((span) => span.traceId === traceId);
      // A worker that no server has seen yet asks for its intent once more.
      expect([...new Set(some.map(({ name }) => name))].sort()).toEqual([
        "command",
        "connect",
        "intent",
        "job commands",
        "pointsman.v1.JobService/CreateJob",
      ]);
      return new Map<string, ReceivedSpan>(some.map((span) => [span.name, span]));
    });
    const call = ours.get("pointsman.v1.JobService/CreateJob");
    const attempt = ours.get("job commands");
    expect(call?.parentSpanId).toBe(callerSpan);
    expect(attempt?.parentSpanId).toBe(call?.spanId);
    for (const name of ["connect", "intent", "command"]) {
      expect(ours.get(name)?.parentSpanId, name).toBe(attempt?.spanId);
    }
    expect(attempt?.text).toContain(id);
    // What was typed may be a secret.
    for (const { text } of ours.values()) expect(text).not.toContain("uptime");
  });

  test("a caller that asks for no trace to be kept is heard", async () => {
    const unsampled = "11111111111111111111111111111111";
    const id = await create(
      { job: { device: "r1", commands: { commands: [{ command: "show version" }] } } },
      `00-${unsampled}-${callerSpan}-00`,
    );
    await at.client.jobs.get(id, { waitMs: 20_000 });
    // A later trace has come, so this one would have as well.
    const later = "22222222222222222222222222222222";
    await create(
      { job: { device: "r1", commands: { commands: [{ command: "show version" }] } } },
      `00-${later}-${callerSpan}-01`,
    );
    await eventually(() => expect(receiver.spans.some((span) => span.traceId === later)).toBe(true));
    expect(receiver.spans.filter((span) => span.traceId === unsampled)).toEqual([]);
  });

  test("nothing is loaded or sent without an endpoint, or when it is switched off", async () => {
    expect(await startTracing("pointsman", "0", {})).toBeUndefined();
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
    expect(await startTracing("pointsman", "0", { ...endpoint, OTEL_SDK_DISABLED: "true" })).toBeUndefined();
    expect(await startTracing("pointsman", "0", { ...endpoint, OTEL_TRACES_EXPORTER: "none" })).toBeUndefined();
  });
});
