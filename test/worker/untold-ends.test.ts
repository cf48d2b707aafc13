import { expect, test } from "vitest";
import { claimOf, storeAway } from "./one-attempt.js";
import { once, workerAlone } from "./one-worker.js";

test("many attempts that cannot tell the store how they ended are no sign of something that leaks", async () => {
  const warned: Error[] = [];
  const hear = (warning: Error): void => void warned.push(warning);
  process.on("warning", hear);
  const { worker, clock, answers, ends } = workerAlone(["a"], { capacity: 20 });
  answers.claim = once(
    "a",
    Array.from({ length: 20 }, (_, number) => claimOf({ zone: "a", id: `job-${number}` })),
  );
  answers.beat = () =>
    Promise.resolve({ answer: "OK", cancels: Array.from({ length: 20 }, (_, number) => `job-${number}`) });
  answers.finish = () => Promise.reject(storeAway());
  await worker.start();
  await clock.advance(4_000);
  expect(ends.length).toBeGreaterThanOrEqual(20);
  process.off("warning", hear);
  expect(warned).toEqual([]);
});
