import { expect, test } from "vitest";
import type { WorkerIdentity } from "../../src/store/store.js";
import { claimOf, specOf, storeAway } from "./one-attempt.js";
import { once, workerAlone } from "./one-worker.js";

/** Buries whoever bears the name that the worker has now. */
function bury({ worker, answers }: ReturnType<typeof workerAlone>): string {
  const { name } = worker;
  answers.beat = (life) => Promise.resolve(life.name === name ? { answer: "DEAD" } : { answer: "OK", cancels: [] });
  return name;
}

test("a worker that was buried comes back under another name, also when the store is away for a while just then", async () => {
  const at = workerAlone(["a", "b"]);
  const { worker, clock, answers } = at;
  await worker.start();
  const first = bury(at);
  let refused = 0;
  answers.register = ({ zone }) =>
    zone === "b" && ++refused <= 5
      ? Promise.reject(storeAway())
      : Promise.resolve({ toTell: { history: "one", sinceMs: 0 } });
  await clock.advance(120_000);
  expect(refused).toBe(6);
  expect(worker.name).not.toBe("");
  expect(worker.name).not.toBe(first);
});

test("of a life that could not begin in every zone nothing goes on", async () => {
  const at = workerAlone(["a", "b"]);
  const { worker, clock, answers, retired } = at;
  await worker.start();
  const first = bury(at);
  const begun: string[] = [];
  answers.register = ({ zone, name }) => {
    if (zone === "b" && begun.length === 1) return Promise.reject(new Error("a fault of ours"));
    begun.push(`${zone}/${name}`);
    return Promise.resolve({ toTell: { history: "one", sinceMs: 0 } });
  };
  const claimants = new Set<string>();
  await clock.advance(5_000);
  answers.claim = ({ name }) => {
    claimants.add(name);
    return Promise.resolve({ answer: "OK", claims: [] });
  };
  await clock.advance(60_000);
  expect(begun).toHaveLength(3);
  expect(retired).toContain(begun[0]);
  expect([...claimants]).toEqual([worker.name]);
  expect(worker.name).not.toBe(first);
});

test("a worker that is stopped while it comes back is stopped: its last beat is behind it", async () => {
  const at = workerAlone(["a"]);
  const { worker, clock, answers } = at;
  await worker.start();
  bury(at);
  let go: () => void = () => undefined;
  let asked: WorkerIdentity | undefined;
  answers.register = (life) => {
    asked = life;
    return new Promise((resolve) => (go = () => resolve({ toTell: { history: "one", sinceMs: 0 } })));
  };
  await clock.advance(8_000);
  expect(asked).toBeDefined();
  const stopped = worker.stop();
  await clock.turn();
  go();
  await clock.advance(1_000);
  await stopped;
  let beats = 0;
  answers.beat = () => {
    beats++;
    return Promise.resolve({ answer: "OK", cancels: [] });
  };
  await clock.advance(60_000);
  expect(beats).toBe(0);
  expect(at.retired).toContain(`a/${asked?.name}`);
});

test("a worker whose store refuses to hear an end leaves its name, so that a reaper ends the job", async () => {
  const { worker, clock, answers, ends, retired } = workerAlone(["a"]);
  answers.finish = () => Promise.reject(new Error("ERR user_script:70: too many results to unpack"));
  answers.claim = once("a", [claimOf({ zone: "a", effectClass: "READ_ONLY", spec: specOf(["clear counters"]) })]);
  await worker.start();
  const { name } = worker;
  await clock.advance(5_000);
  expect(ends.length).toBe(2);
  expect(retired).toEqual([`a/${name}`]);
  expect(worker.name).not.toBe(name);
  expect(worker.name).not.toBe("");
});
