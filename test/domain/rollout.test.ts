import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchAt, batchCount, batchOf, nextStep, type TargetTies } from "../../src/domain/rollout.js";
import type { RolloutRule } from "../../src/domain/run.js";
import {
  codesOf,
  failuresIn,
  isRunFinal,
  isTargetFinal,
  type RunState,
  stateOfCode,
  type TargetState,
  targetStates,
} from "../../src/domain/run-state.js";

const rule = (part: Partial<RolloutRule> = {}): RolloutRule => ({
  canary: 0,
  batchSize: 0,
  maxParallel: 0,
  laneLimits: [],
  grouped: false,
  pauseMs: 0,
  holdAfterCanary: false,
  maxFailures: 0,
  maxFailurePercent: 0,
  minSuccessPercent: 0,
  pauseOnFailure: false,
  ...part,
});

describe("batches", () => {
  test("cover every target once and in order, whatever their size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(320), fc.nat(40), (total, canary, batchSize) => {
        const shape = { canary, batchSize };
        let at = 0;
        for (let number = 1; number <= batchCount(shape, total); number++) {
          const { from, to } = batchAt(shape, total, number);
          expect(from).toBe(at);
          expect(to).toBeGreaterThan(from);
          for (let index = from; index < to; index++) expect(batchOf(shape, total, index)).toBe(number);
          at = to;
        }
        expect(at).toBe(total);
      }),
    );
  });
});

/** How a target ends, as the world decides it. */
const ends: readonly TargetState[] = [
  "SUCCEEDED",
  "SUCCEEDED",
  "SUCCEEDED",
  "FAILED",
  "EXPIRED",
  "CANCELLED",
  "INDETERMINATE",
];

const histories = fc.record({
  targets: fc.array(
    fc.record({
      rejected: fc.boolean(),
      group: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
      lane: fc.constantFrom("x", "y", null),
      end: fc.constantFrom(...ends),
    }),
    { minLength: 1, maxLength: 40 },
  ),
  rule: fc.record({
    canary: fc.nat(4),
    batchSize: fc.nat(7),
    maxParallel: fc.nat(4),
    lane: fc.nat(3),
    grouped: fc.boolean(),
    pauseMs: fc.constantFrom(0, 0, 50),
    holdAfterCanary: fc.boolean(),
    maxFailures: fc.nat(4),
    maxFailurePercent: fc.constantFrom(0, 0, 10, 50),
    minSuccessPercent: fc.constantFrom(0, 0, 50, 100),
    pauseOnFailure: fc.boolean(),
  }),
  /** Which of the targets at work ends next. */
  order: fc.infiniteStream(fc.nat(1_000)),
  chunk: fc.integer({ min: 1, max: 9 }),
});

describe("a rollout", () => {
  test("keeps its limits in every history, ends, and touches nothing once it stops", () => {
    fc.assert(
      fc.property(histories, ({ targets, rule: given, order, chunk }) => {
        const { lane, ...rest } = given;
        const policy = rule({ ...rest, laneLimits: lane > 0 ? [lane] : [] });
        const total = targets.length;
        const ties = (index: number): TargetTies => ({
          ...(policy.grouped && targets[index]?.group !== undefined ? { group: targets[index].group } : {}),
          lanes: lane > 0 ? [targets[index]?.lane ?? null] : [],
        });
        const states: TargetState[] = targets.map(({ rejected }) => (rejected ? "REJECTED" : "PENDING"));
        let state: RunState = "RUNNING";
        let [batch, forgiven, nowMs, stopped, resumes] = [0, 0, 0, 0, 0];
        let nextMs: number | undefined;
        const started: number[] = [];
        const counts = () =>
          Object.fromEntries(targetStates.map((name) => [name, states.filter((one) => one === name).length])) as Record<
            TargetState,
            number
          >;
        const check = (): void => {
          const atWork = states.flatMap((one, index) => (one === "STARTED" ? [index] : []));
          if (policy.maxParallel > 0) expect(atWork.length).toBeLessThanOrEqual(policy.maxParallel);
          const groups = atWork.flatMap((index) => ties(index).group ?? []);
          expect(new Set(groups).size).toBe(groups.length);
          for (const value of ["x", "y"]) {
            if (lane > 0)
              expect(atWork.filter((index) => targets[index]?.lane === value).length).toBeLessThanOrEqual(lane);
          }
          // Batches do not overlap.
          expect(new Set(atWork.map((index) => batchOf(policy, total, index))).size).toBeLessThanOrEqual(1);
        };

        for (let steps = 0; !isRunFinal(state); steps++) {
          expect(steps).toBeLessThan(1_000);
          const { from, to } = batch === 0 ? { from: 0, to: 0 } : batchAt(policy, total, batch);
          const codes = states
            .slice(from, to)
            .map((one) => codesOf(one).at(-1) ?? "")
            .join("");
          for (const code of codes) expect(targetStates).toContain(stateOfCode(code));
          const view = { rule: policy, total, state, counts: counts(), batch, nowMs, forgiven, codes, ties };
          const step = nextStep({ ...view, ...(nextMs === undefined ? {} : { nextMs }) }, chunk);
          switch (step.kind) {
            case "start":
              expect(state).toBe("RUNNING");
              expect(step.targets.length).toBeLessThanOrEqual(chunk);
              for (const index of step.targets) {
                expect(states[index]).toBe("PENDING");
                expect(batchOf(policy, total, index)).toBe(batch);
                states[index] = "STARTED";
                started.push(index);
              }
              if (nextMs !== undefined) expect(nowMs).toBeGreaterThanOrEqual(nextMs);
              check();
              break;
            case "batch": {
              if (batch > 0) expect(states.slice(from, to).every(isTargetFinal)).toBe(true);
              const canaryBad =
                batch === 1 &&
                policy.canary > 0 &&
                states.slice(from, to).some((one) => one !== "SUCCEEDED" && one !== "REJECTED");
              if (canaryBad) expect(policy.pauseOnFailure || forgiven > 0).toBe(true);
              const tried = states.slice(from, to).some((one) => one !== "REJECTED");
              if (batch === 1 && policy.canary > 0 && !tried) expect(policy.pauseOnFailure).toBe(true);
              batch = step.number;
              nextMs = nowMs + step.waitMs;
              if (step.hold !== undefined) state = "PAUSED";
              break;
            }
            case "stop":
              state = "STOPPING";
              stopped = started.length;
              states.forEach((one, index) => one === "PENDING" && (states[index] = "UNTOUCHED"));
              break;
            case "pause":
              state = "PAUSED";
              break;
            case "end":
              state = step.state;
              break;
            case "wait": {
              const atWork = states.flatMap((one, index) => (one === "STARTED" ? [index] : []));
              if (state === "PAUSED" && atWork.length === 0) {
                resumes++;
                expect(resumes).toBeLessThan(total + 3);
                forgiven = failuresIn(counts());
                state = "RUNNING";
              } else if (step.forMs !== undefined) {
                nowMs += step.forMs;
              } else {
                // Nothing but the end of a target can help, so one must be at work.
                expect(atWork.length).toBeGreaterThan(0);
                const index = atWork[(order.next().value as number) % atWork.length] ?? 0;
                states[index] = targets[index]?.end ?? "FAILED";
              }
            }
          }
        }

        if (stopped > 0) expect(started.length).toBe(stopped);
        expect(new Set(started).size).toBe(started.length);
        const after = counts();
        expect(after.PENDING + after.STARTED).toBe(0);
        if (after.INDETERMINATE > 0) expect(state).toBe("INDETERMINATE");
        else if (after.SUCCEEDED === total) expect(state).toBe("SUCCEEDED");
        else expect(state).toBe(after.SUCCEEDED > 0 ? "PARTIAL" : "FAILED");
        // Without a stop, everything that was not refused was worked on.
        if (after.UNTOUCHED === 0) expect(started.length).toBe(total - after.REJECTED);
        if (policy.maxFailures > 0 && policy.maxParallel === 1 && !policy.pauseOnFailure)
          expect(failuresIn(after)).toBeLessThanOrEqual(policy.maxFailures);
      }),
      { numRuns: 400 },
    );
  });

  test("stops at the number of failures that is named, and not before", () => {
    const counts = {
      PENDING: 5,
      STARTED: 0,
      SUCCEEDED: 0,
      FAILED: 1,
      CANCELLED: 0,
      EXPIRED: 0,
      INDETERMINATE: 0,
      UNTOUCHED: 0,
      REJECTED: 0,
    };
    const view = {
      rule: rule({ maxFailures: 2 }),
      total: 7,
      state: "RUNNING",
      batch: 1,
      nowMs: 0,
      forgiven: 0,
      codes: "FSppppp",
      ties: () => ({}),
    } as const;
    expect(nextStep({ ...view, counts: { ...counts, SUCCEEDED: 1 } }, 10)).toMatchObject({ kind: "start" });
    expect(nextStep({ ...view, counts: { ...counts, EXPIRED: 1 }, codes: "FEppppp" }, 10)).toMatchObject({
      kind: "stop",
    });
  });
});
