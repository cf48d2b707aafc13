import { expect, test } from "vitest";
import { claimOf } from "./one-attempt.js";
import { nothing, once, workerAlone } from "./one-worker.js";

/** The store of these tests never sends a hint: all of them are lost. */
test("T19: work whose wake-up was lost is found by the poll behind it, within a second", async () => {
  const { worker, clock, answers, sent, letIn } = workerAlone(["default"]);
  await worker.start();
  letIn();
  await clock.advance(5_000);
  expect(sent).toEqual([]);
  answers.claim = once("default", [claimOf()]);
  await clock.advance(1_000);
  expect(sent).toEqual(["clear counters"]);
});

test("a worker that finds nothing asks once a second, and no more often", async () => {
  const { worker, clock, answers } = workerAlone(["default"]);
  let asked = 0;
  await worker.start();
  await clock.turn();
  answers.claim = () => {
    asked += 1;
    return Promise.resolve(nothing);
  };
  await clock.advance(10_000);
  expect(asked).toBe(10);
});
