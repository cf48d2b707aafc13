import { expect, test } from "vitest";
import { loadConfig } from "../../src/config.js";
import { claimOf, storeAway } from "./one-attempt.js";
import { once, workerAlone } from "./one-worker.js";

test("a lease that one zone does not renew is over for the jobs of that zone, whatever another zone answers", async () => {
  const { worker, clock, answers, sent, ends, letIn } = workerAlone(["a", "b"]);
  answers.beat = ({ zone }) =>
    zone === "a" ? Promise.reject(storeAway()) : Promise.resolve({ answer: "OK", cancels: [] });
  answers.claim = once("a", [claimOf({ zone: "a" })]);
  await worker.start();
  // By now the reaper of zone a has buried this worker, and given its device to another.
  await clock.advance(16_000);
  letIn();
  await clock.turn();
  expect(sent).toEqual([]);
  expect(ends).toMatchObject([{ verdict: "REQUEUE" }]);
});

test("nor does it touch the jobs of the other zone", async () => {
  const { worker, clock, answers, sent, ends, letIn } = workerAlone(["b", "a"]);
  answers.beat = ({ zone }) =>
    zone === "a" ? Promise.reject(storeAway()) : Promise.resolve({ answer: "OK", cancels: [] });
  answers.claim = once("b", [claimOf({ zone: "b" })]);
  await worker.start();
  await clock.advance(16_000);
  expect(ends).toEqual([]);
  letIn();
  await clock.turn();
  expect(sent).toEqual(["clear counters"]);
});

test("a worker that is buried in one zone writes in none under that name, and leaves its registrations", async () => {
  const { worker, clock, answers, sent, retired, letIn } = workerAlone(["b", "a"]);
  answers.claim = once("b", [claimOf({ zone: "b" })]);
  await worker.start();
  const { name } = worker;
  await clock.turn();
  answers.beat = (life) =>
    Promise.resolve(life.zone === "a" && life.name === name ? { answer: "DEAD" } : { answer: "OK", cancels: [] });
  await clock.advance(3_000);
  letIn();
  await clock.advance(5_000);
  expect(sent).toEqual([]);
  expect(retired).toEqual([`b/${name}`, `a/${name}`]);
  expect(worker.name).not.toBe(name);
  expect(worker.name).not.toBe("");
});

test("the zones of a worker together take no more than it has room for, and none starves for another", async () => {
  const { worker, clock, answers } = workerAlone(["a", "b"], { capacity: 3 });
  const asked: { zone: string; limit: number; answer: (claims: number) => void }[] = [];
  let jobs = 0;
  // Whatever becomes of them, they run for as long as the store has not heard.
  answers.finish = () => new Promise(() => undefined);
  answers.claim = ({ zone }, limit) =>
    new Promise((resolve) => {
      const answer = (count: number): void => {
        const claims = Array.from({ length: count }, () => claimOf({ zone, id: `job-${jobs++}` }));
        resolve({ answer: "OK", claims });
      };
      asked.push({ zone, limit, answer });
    });
  await worker.start();
  await clock.turn();
  expect(asked).toMatchObject([{ zone: "a", limit: 3 }]);
  const [first] = asked.splice(0);
  first!.answer(1);
  await clock.turn();
  expect(worker.running).toBe(1);
  const [next] = asked.splice(0);
  expect(next).toMatchObject({ zone: "b", limit: 2 });
  await clock.advance(2_000);
  expect(asked).toEqual([]);
  next!.answer(2);
  await clock.advance(2_000);
  expect(worker.running).toBe(3);
  expect(asked).toEqual([]);
});

test("a zone whose store is away does not keep the other's room", async () => {
  const { worker, clock, answers } = workerAlone(["a", "b"], { capacity: 3 });
  const limits: number[] = [];
  answers.claim = ({ zone }, limit) => {
    if (zone === "a") return Promise.reject(storeAway());
    limits.push(limit);
    return Promise.resolve({ answer: "OK", claims: [] });
  };
  await worker.start();
  await clock.advance(2_000);
  expect(limits).toContain(3);
  expect(Math.max(...limits)).toBe(3);
});

test("a zone that is named twice is served once", () => {
  expect(loadConfig(undefined, { POINTSMAN_ZONES: "a,b,a" }).zones).toEqual(["a", "b"]);
});

test.each([
  { capacity: 2, listed: true, what: "asks for no more while the store has it listed as idle, and will hint" },
  { capacity: 1, listed: false, what: "asks for more at once where its last claim took all it had room for" },
])("a worker whose job ends $what", async ({ capacity, listed }) => {
  const { worker, clock, answers, ends } = workerAlone(["a"], { capacity });
  const give = once("a", [claimOf({ zone: "a", id: "job-1" })]);
  let claims = 0;
  answers.claim = (identity, limit) => {
    claims += 1;
    return give(identity, limit);
  };
  await worker.start();
  await clock.turn();
  expect(worker.running).toBe(1);
  answers.beat = () => Promise.resolve({ answer: "OK", cancels: ["job-1"] });
  let hear: (answer: "OK") => void = () => undefined;
  answers.finish = () => new Promise((resolve) => (hear = resolve));
  await clock.advance(3_000);
  claims = 0;
  hear("OK");
  await clock.turn();
  expect(ends).toMatchObject([{ verdict: "CANCELLED" }]);
  expect(worker.running).toBe(0);
  expect(claims).toBe(listed ? 0 : 1);
});

test("a zone that cannot be reached at first keeps no other waiting, and is served once it can be", async () => {
  const { worker, clock, answers, sent, letIn } = workerAlone(["b", "a"]);
  const { register } = answers;
  const served = new Set<string>();
  const claim = once("b", [claimOf({ zone: "b" })]);
  answers.register = (by) => (by.zone === "a" ? Promise.reject(storeAway()) : register(by));
  answers.claim = (by, limit) => {
    served.add(by.zone);
    return claim(by, limit);
  };
  await worker.start();
  letIn();
  await clock.advance(5_000);
  expect(sent).toEqual(["clear counters"]);
  expect([...served]).toEqual(["b"]);
  answers.register = register;
  await clock.advance(5_000);
  expect([...served]).toEqual(["b", "a"]);
});

test("a worker that can reach none of its zones does not start", async () => {
  const { worker, answers } = workerAlone(["a", "b"]);
  answers.register = () => Promise.reject(storeAway());
  await expect(worker.start()).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
});
