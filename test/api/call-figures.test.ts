import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { GetJobRequestSchema, JobService, StopWorkersRequestSchema, WorkerService } from "@pointsman/sdk/v1";
import { expect, test } from "vitest";
import type { CallSubject } from "../../src/api/calls/call-context.js";
import { countCalls } from "../../src/api/calls/call-figures.js";
import { noteRequest } from "../../src/api/calls/call-subject.js";
import { systemClock } from "../../src/system/clock.js";

const ok = { code: "ok", reason: undefined } as const;

test("what callers wait for on purpose is no latency of the service", () => {
  const counted = countCalls(systemClock);
  const ended = (ms: number, waits: boolean) =>
    counted.began({ method: "m", streaming: false }).ended({ ...ok, ms, waits });
  ended(4, false);
  ended(6, false);
  ended(60_000, true);
  expect(counted.figures()).toEqual({ calls: 3, faults: 0, meanMs: 5, longestMs: 6 });
});

test("a call waits when its request says so, or when it is one that waits unless it is told not to", () => {
  const { getJob } = JobService.method;
  const { stopWorkers } = WorkerService.method;
  const waits = (...[method, request]: [Parameters<typeof noteRequest>[1], Parameters<typeof noteRequest>[2]]) => {
    const subject: CallSubject = {};
    noteRequest(subject, method, request);
    return subject.waits ?? false;
  };
  const waitTimeout = (ms: number) => ({ waitTimeout: durationFromMs(ms) });
  expect(waits(getJob, create(GetJobRequestSchema, waitTimeout(1)))).toBe(true);
  expect(waits(getJob, create(GetJobRequestSchema, waitTimeout(0)))).toBe(false);
  expect(waits(getJob, create(GetJobRequestSchema))).toBe(false);
  expect(waits(stopWorkers, create(StopWorkersRequestSchema))).toBe(true);
  expect(waits(stopWorkers, create(StopWorkersRequestSchema, waitTimeout(0)))).toBe(false);
});
