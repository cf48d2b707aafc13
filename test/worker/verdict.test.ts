import { expect, test } from "vitest";
import type { EffectClass } from "../../src/domain/job.js";
import { systemRandom } from "../../src/system/random.js";
import { decide } from "../../src/worker/verdict.js";

const rule = { maxAttempts: 3, initialBackoffMs: 1, maxBackoffMs: 1 };
const wentWell = { intendedStep: 2, confirmedStep: 2, changed: false, steps: 2, attempts: 1 };

test.each<[EffectClass, boolean, string]>([
  ["READ_ONLY", false, "NONE"],
  ["IDEMPOTENT", false, "COMPLETE"],
  ["AT_MOST_ONCE", true, "COMPLETE"],
])("%s work that went well had the effect it can have", (effectClass, intent, effect) => {
  expect(decide({ ...wentWell, effectClass, intent }, rule, systemRandom)).toEqual({ verdict: "SUCCEEDED", effect });
});

test("a change of which nobody knows whether anything was sent is INDETERMINATE; one that sent nothing is not", () => {
  const failure = { reason: "INTERNAL", message: "" };
  const facts = {
    effectClass: "AT_MOST_ONCE",
    intent: true,
    confirmedStep: 0,
    changed: false,
    steps: 1,
    attempts: 1,
    failure,
  } as const;
  expect(decide(facts, rule, systemRandom).verdict).toBe("INDETERMINATE");
  expect(decide({ ...facts, intendedStep: 1 }, rule, systemRandom).verdict).toBe("INDETERMINATE");
  expect(decide({ ...facts, intendedStep: 0 }, rule, systemRandom)).toMatchObject({
    verdict: "FAILED",
    effect: "NONE",
  });
});

test("changes that were stopped when a call was answered already have no part in how it failed", () => {
  const failure = { reason: "CALLBACK_FAILED", message: "the URL answered with status 503" };
  const facts = { ...wentWell, effectClass: "IDEMPOTENT", intent: false, stopCause: "stop", failure } as const;
  expect(decide(facts, rule, systemRandom)).toMatchObject({ verdict: "RETRY", error: failure });
  const unanswered = decide({ ...facts, confirmedStep: 1 }, rule, systemRandom);
  expect(unanswered).toMatchObject({ verdict: "FAILED", error: { reason: "CHANGES_STOPPED" } });
});
