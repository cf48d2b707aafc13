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
  expect(sent).toEqual(["reboot"]);
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

test("a zone that is named twice is served once", () => {
  expect(loadConfig(undefined, { POINTSMAN_ZONES: "a,b,a" }).zones).toEqual(["a", "b"]);
});
