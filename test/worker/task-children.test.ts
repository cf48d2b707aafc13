import { expect, test } from "vitest";
import type { ChildJobs } from "../../src/domain/child-jobs.js";
import type { NewJob } from "../../src/domain/job.js";
import type { WorkContext } from "../../src/worker/attempt-context.js";
import { createStopping } from "../../src/worker/stopping.js";
import { createTaskChildren } from "../../src/worker/task-children.js";
import { createTaskSteps } from "../../src/worker/task-steps.js";
import { createDoor } from "../support/door.js";
import { createHandClock } from "../support/hand-clock.js";

test.each(["cancel", "stop", "end"] as const)(
  "a job is not created whose task was told to stop while it was being made (%s)",
  async (how) => {
    const clock = createHandClock();
    const stopping = createStopping();
    const made = createDoor();
    const created: string[] = [];
    const children = {
      async prepare() {
        await made.opened;
        return { id: "c1", effectClass: "AT_MOST_ONCE" } as NewJob;
      },
      create: ({ id }: NewJob) => Promise.resolve(void created.push(id)),
      ended: () => Promise.resolve({ state: "SUCCEEDED", commands: [], outputLost: false }),
      cancel: () => Promise.resolve(),
    } as unknown as ChildJobs;
    const nothing = (): void => undefined;
    const context = {
      job: { id: "j1", creator: "test", effectClass: "AT_MOST_ONCE" },
      writer: { intended: nothing, confirmed: nothing, fact: nothing },
      ...{ signal: stopping.signal, urgentSignal: stopping.urgentSignal, hardSignal: stopping.hardSignal },
      ...{ timer: clock.timer, beforeWrite: nothing, intent: () => Promise.resolve() },
    } as unknown as WorkContext;
    const steps = createTaskSteps(context);
    const tasks = createTaskChildren(context, {
      ...{ clock, children, steps, leftMs: () => 60_000, waits: nothing },
      lendPermits: () => Promise.resolve("OK"),
    });
    const work = { kind: "configure" as const, lines: ["x"], plan: false, save: false, acceptUnproven: true };
    const asked = tasks.send({ device: "r1", work }).catch((error: unknown) => error);
    await clock.turn();
    const closed = how === "end" ? tasks.close() : stopping.stop(how);
    made.open();
    expect(await asked).toMatchObject({
      reason: "CANCELLED",
      message: expect.stringContaining("nothing was queued") as string,
    });
    await closed;
    expect(created).toEqual([]);
    expect(steps.now.confirmedStep).toBe(steps.now.intendedStep);
  },
);
