import { expect, test } from "vitest";
import type { Channel } from "../../src/device/transport.js";
import { claimOf } from "./one-attempt.js";
import { type nothing, once, workerAlone } from "./one-worker.js";

test("a job that is claimed while the worker stops is handed back, not begun", async () => {
  const { worker, clock, answers, sent, ends, letIn, retired } = workerAlone(["a"], { drainMs: 30_000 });
  let answer: (claims: typeof nothing) => void = () => undefined;
  answers.claim = () => new Promise((resolve) => (answer = resolve));
  await worker.start();
  const { name } = worker;
  letIn();
  await clock.turn();
  let stopped = false;
  const stopping = worker.stop().then(() => (stopped = true));
  await clock.advance(100);
  expect(stopped).toBe(false);
  answer({ answer: "OK", claims: [claimOf({ zone: "a" })] });
  await clock.turn();
  await stopping;
  expect(sent).toEqual([]);
  expect(ends).toMatchObject([{ verdict: "REQUEUE" }]);
  expect(retired).toEqual([`a/${name}`]);
});

test("the lease is kept until what runs has ended, or the time for that is over", async () => {
  const { worker, clock, answers, sent, ends } = workerAlone(["a"], { drainMs: 30_000 });
  answers.claim = once("a", [claimOf({ zone: "a" })]);
  await worker.start();
  await clock.turn();
  const beats: number[] = [];
  answers.beat = () => {
    beats.push(clock.monotonic());
    return Promise.resolve({ answer: "OK", cancels: [] });
  };
  const from = clock.monotonic();
  const stopping = worker.stop();
  await clock.advance(29_000);
  expect(ends).toEqual([]);
  await clock.advance(2_000);
  await stopping;
  expect(ends).toMatchObject([{ verdict: "REQUEUE" }]);
  expect(sent).toEqual([]);
  expect(beats.length).toBeGreaterThanOrEqual(9);
  expect(Math.max(...beats) - from).toBeLessThanOrEqual(31_000);
});

/** A channel on which a line succeeds at once, without a word. */
const success: Channel = {
  listen: (listener) => void setImmediate(() => listener.end({ exitStatus: 0 })),
  ...{ write: () => undefined, sendEof: () => undefined, signal: () => undefined },
  ...{ pause: () => undefined, resume: () => undefined, close: () => undefined },
};

test("sessions are closed before their devices are anybody's", async () => {
  const { worker, clock, answers, ends, letIn, sessions } = workerAlone(["a"]);
  answers.claim = once("a", [claimOf({ zone: "a" })]);
  answers.exec = () => Promise.resolve(success);
  await worker.start();
  letIn();
  await clock.advance(1_000);
  expect(ends).toMatchObject([{ verdict: "SUCCEEDED", keepDevice: true }]);
  expect(sessions()).toBe(1);
  let openAtRetirement: number | undefined;
  answers.retire = () => {
    openAtRetirement = sessions();
    return Promise.resolve();
  };
  const stopping = worker.stop();
  await clock.advance(1_000);
  await stopping;
  expect(openAtRetirement).toBe(0);
});
