import { expect, test } from "vitest";
import { answered, attemptAlone, specOf } from "./one-attempt.js";

test("a change that is stopped between its intent and its first byte is not sent, and FAILED without effect", async () => {
  const { attempt, ends, sent } = attemptAlone({
    journal: ({ kind }) => {
      if (kind === "intent") attempt.stop("cancel");
      return Promise.resolve();
    },
  });
  await attempt.ended;
  expect(sent).toEqual([]);
  expect(ends).toMatchObject([{ verdict: "FAILED", effect: "NONE", error: { reason: "CANCELLED" } }]);
});

test.each(["timeout", "lease"] as const)(
  "a cancel gives a change time to be answered, until the %s",
  async (harder) => {
    let interrupted = false;
    const { attempt, clock } = attemptAlone({
      run: ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            interrupted = true;
            reject(new Error("interrupted"));
          });
        }),
    });
    await clock.turn();
    attempt.stop("cancel");
    await clock.advance(100);
    expect(interrupted).toBe(false);
    attempt.stop(harder);
    await clock.turn();
    expect(interrupted).toBe(true);
    expect(await attempt.ended).toBe("INDETERMINATE");
  },
);

test("a softer cause does not hide a harder one", async () => {
  const { attempt, ends, clock } = attemptAlone({
    run: ({ signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("interrupted")))),
  });
  await clock.turn();
  attempt.stop("lease");
  attempt.stop("cancel");
  await attempt.ended;
  expect(ends).toMatchObject([{ verdict: "INDETERMINATE", error: { reason: "WORKER_LOST" } }]);
});

test("a read that somebody cancelled is CANCELLED, also by a worker that is being stopped", async () => {
  const { attempt, ends, clock } = attemptAlone({
    job: { effectClass: "READ_ONLY", spec: specOf(["show clock"]) },
    run: ({ signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("interrupted")))),
  });
  await clock.turn();
  attempt.stop("cancel");
  attempt.stop("shutdown");
  await attempt.ended;
  expect(ends).toMatchObject([{ verdict: "CANCELLED", effect: "NONE" }]);
});

test("a change of many lines leaves no listener behind for each", async () => {
  const commands = Array.from({ length: 20 }, (_, i) => `touch ${i}`);
  const signals = new Set<AbortSignal | undefined>();
  const { attempt, sent } = attemptAlone({
    job: { spec: specOf(commands) },
    run: ({ signal }) => {
      signals.add(signal);
      return Promise.resolve(answered);
    },
  });
  await attempt.ended;
  expect(sent).toHaveLength(20);
  expect(signals.size).toBe(1);
});
