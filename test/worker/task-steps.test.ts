import { expect, test } from "vitest";
import type { WorkContext } from "../../src/worker/attempt-context.js";
import { createTaskSteps } from "../../src/worker/task-steps.js";
import { createDoor } from "../support/door.js";

const writer = { intended: () => undefined, confirmed: () => undefined };

function stepsOf(intent: WorkContext["intent"]) {
  const job = { effectClass: "AT_MOST_ONCE" };
  return createTaskSteps({ job, writer, intent } as unknown as WorkContext);
}

test("changes that begin together pass the point of no return once", async () => {
  const granted = createDoor();
  const asked: number[] = [];
  const steps = stepsOf((step) => (asked.push(step), granted.opened));
  const both = [steps.intend(1), steps.intend(2)];
  expect(steps.passed).toBe(false);
  granted.open();
  await Promise.all(both);
  await steps.intend(3);
  expect(asked).toEqual([1]);
  expect(steps.now).toMatchObject({ intendedStep: 3, confirmedStep: 0 });
});

test("what is not granted is granted to none of them, and can be asked for again", async () => {
  const asked: number[] = [];
  const steps = stepsOf((step) =>
    asked.push(step) === 1 ? Promise.reject(new Error("not replicated")) : Promise.resolve(),
  );
  const both = await Promise.allSettled([steps.intend(1), steps.intend(2)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(steps.now.intendedStep).toBe(0);
  await steps.intend(3);
  expect(asked).toEqual([1, 3]);
  expect(steps.passed).toBe(true);
});
