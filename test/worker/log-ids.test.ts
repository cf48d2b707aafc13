import { expect, test } from "vitest";
import { createLogger } from "../../src/telemetry/logger.js";
import { claimOf } from "./one-attempt.js";
import { once, workerAlone } from "./one-worker.js";

test("a worker's lines name it and its zone, and those about a job the job, its device and the attempt", async () => {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger("debug", {
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const { worker, clock, answers, letIn } = workerAlone(["default"], { logger });
  answers.claim = once("default", [claimOf({ effectClass: "READ_ONLY" })]);
  await worker.start();
  const { name } = worker;
  letIn();
  await clock.advance(1_000);
  answers.beat = () => Promise.reject(new Error("no"));
  await clock.advance(3_000);
  const line = (message: string) => lines.find(({ msg }) => msg === message);
  const ids = { worker: name, zone: "default", job: "j1", device: "r1", endpoint: "10.0.0.1:22", attempt: 1 };
  expect(line("an attempt begins")).toMatchObject({ ...ids, type: "commands" });
  expect(line("an attempt ended")).toMatchObject({ ...ids, verdict: "FAILED" });
  expect(line("a beat failed")).toMatchObject({ worker: name, zone: "default" });
  await worker.stop();
});
