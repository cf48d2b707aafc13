import { expect, test } from "vitest";
import type { Channel } from "../../src/device/transport.js";
import { claimOf } from "./one-attempt.js";
import { once, type WorkerAlone, workerAlone } from "./one-worker.js";

/** A channel that says nothing until its program is interrupted. */
function silent(): Channel {
  let interrupted: () => void = () => undefined;
  return {
    listen: (listener) => (interrupted = () => listener.end({ exitStatus: 130 })),
    ...{ write: () => undefined, sendEof: () => undefined, signal: () => interrupted(), close: () => interrupted() },
    ...{ pause: () => undefined, resume: () => undefined },
  };
}

async function end({ worker, clock }: WorkerAlone): Promise<void> {
  const stopped = worker.stop();
  await clock.advance(20_000);
  await stopped;
}

/** The store of these tests never sends a hint: all of them are lost. */
test("a session is told of with the next beat, and closed by an order whose hint was lost", async () => {
  const at = workerAlone(["default"]);
  const { worker, clock, answers, told, ends, sessions, letIn } = at;
  answers.claim = once("default", [claimOf({ effectClass: "IDEMPOTENT" })]);
  answers.exec = () => Promise.resolve(silent());
  await worker.start();
  letIn();
  await clock.advance(3_000);
  expect(sessions()).toBe(1);
  const [first] = told;
  expect(first).toMatchObject({
    anew: false,
    gone: [],
    changed: [{ facts: { endpoint: "10.0.0.1:22", username: "u", credential: "lab" }, use: { busy: true, uses: 1 } }],
  });
  const { number } = first!.changed[0]!;
  await clock.advance(6_000);
  expect(told).toHaveLength(1);

  // The order stands until the worker tells that the session is gone; it cuts the job once.
  let asked = 0;
  answers.beat = () => {
    asked++;
    const gone = told.some((news) => news.gone.includes(number));
    return Promise.resolve({ answer: "OK", cancels: [], ...(gone ? {} : { closes: [{ number, job: "j1" }] }) });
  };
  await clock.advance(9_000);
  expect(ends).toMatchObject([{ verdict: "REQUEUE", error: { reason: "SESSION_CLOSED" } }]);
  expect(sessions()).toBe(0);
  expect(told.at(-1)).toMatchObject({ gone: [number], changed: [] });
  // One beat each three seconds, and what it takes to tell.
  expect(asked).toBeLessThanOrEqual(5);
  await end(at);
});

test("an order for a session that is gone already is answered once, and a busy one is left to its job", async () => {
  const at = workerAlone(["default"]);
  const { worker, clock, answers, told, ends, letIn } = at;
  answers.claim = once("default", [claimOf({ effectClass: "IDEMPOTENT" })]);
  answers.exec = () => Promise.resolve(silent());
  await worker.start();
  letIn();
  await clock.advance(3_000);
  const { number } = told[0]!.changed[0]!;
  let asked = 0;
  answers.beat = () => {
    asked++;
    const known = told.some((news) => news.gone.includes(99));
    return Promise.resolve({ answer: "OK", cancels: [], closes: [{ number }, ...(known ? [] : [{ number: 99 }])] });
  };
  await clock.advance(9_000);
  expect(told.at(-1)!.gone).toEqual([99]);
  // One beat each three seconds, and one for the session that was gone.
  expect(asked).toBeLessThanOrEqual(5);
  expect(ends).toEqual([]);
  await end(at);
});

test("a store that may have forgotten is told of every session anew", async () => {
  const at = workerAlone(["default"]);
  const { worker, clock, answers, told, letIn } = at;
  answers.claim = once("default", [claimOf({ effectClass: "IDEMPOTENT" })]);
  answers.exec = () => Promise.resolve(silent());
  await worker.start();
  letIn();
  await clock.advance(3_000);
  let remembered = false;
  answers.beat = () => {
    const first = !remembered;
    remembered = true;
    return Promise.resolve({
      answer: "OK",
      cancels: [],
      ...(first ? { toTell: { history: "another", sinceMs: 1 } } : {}),
    });
  };
  await clock.advance(3_000);
  expect(told.at(-1)).toMatchObject({ anew: true, changed: [{ facts: { endpoint: "10.0.0.1:22" } }] });
  await end(at);
});
