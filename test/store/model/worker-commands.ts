import fc from "fast-check";
import { index, one, step } from "./step.js";
import { both } from "./world.js";

const kinds = ["SUSPEND", "SUSPEND", "RESUME", "RESUME", "DRAIN", "NOW"] as const;

/** Somebody tells a worker to take nothing new, to stop, or to go on. */
export const control = fc.tuple(index, fc.constantFrom(...kinds)).map((arg) =>
  step("control", arg, async (world) => {
    const [by, kind] = arg;
    const order = kind === "RESUME" ? undefined : { kind, caller: "ann", reason: "works", timeMs: 7 };
    await both(world, async ({ workers }) => {
      const answer = await workers.control("default", one(world.workers, by).name, order);
      // The store goes through a set, in no order.
      const running = answer.answer === "OK" ? [...answer.running].sort((a, b) => (a.job < b.job ? -1 : 1)) : [];
      return { ...answer, running };
    });
  }),
);
