import { describe, expect, test } from "vitest";
import { type HookFilter, isMet, kindsOf, nextAttempt } from "../../src/domain/webhook.js";

const any: HookFilter = { events: [], queues: [], labels: {}, devices: [], zones: [] };
const chance = (value: number) => ({ number: () => value, bytes: (length: number) => new Uint8Array(length) });

describe("a filter", () => {
  const failed = {
    kind: "job.failed",
    queue: "night",
    labels: { site: "fra", rack: "7" },
    device: "r1",
    zone: "z",
  } as const;

  test.each([
    [{}, true],
    [{ events: ["job.failed", "run.failed"] as const }, true],
    [{ events: ["job.succeeded"] as const }, false],
    [{ queues: ["day", "night"] }, true],
    [{ queues: ["day"] }, false],
    [{ labels: { site: "fra" } }, true],
    [{ labels: { site: "fra", rack: "8" } }, false],
    [{ devices: ["r1"], zones: ["z"] }, true],
    [{ devices: ["r1"], zones: ["y"] }, false],
  ])("%j", (part, met) => {
    expect(isMet({ ...any, ...part }, failed)).toBe(met);
  });

  test("is not met by what has no such thing", () => {
    expect(isMet({ ...any, queues: ["night"] }, { kind: "run.failed" })).toBe(false);
    expect(isMet({ ...any, devices: ["r1"] }, { kind: "job.failed" })).toBe(false);
    expect(isMet({ ...any, labels: { site: "fra" } }, { kind: "device.held" })).toBe(false);
  });

  test("asks for its kinds, or for all", () => {
    expect(kindsOf([])).toEqual([]);
    expect(
      kindsOf([
        { ...any, events: ["run.failed"] },
        { ...any, events: ["job.failed"] },
      ]),
    ).toEqual(["job.failed", "run.failed"]);
    expect(kindsOf([{ ...any, events: ["run.failed"] }, any])).toHaveLength(13);
  });
});

describe("after an attempt", () => {
  const day = 86_400_000;
  const after = (
    attempt: number,
    status: number,
    more: { retryAfterMs?: number; luck?: number; leftMs?: number } = {},
  ) => nextAttempt({ attempt, deadlineMs: more.leftMs ?? day }, { status, ...more }, 0, chance(more.luck ?? 1));

  test("success is any status of 200 to 299; 410 gives up; everything else is tried again", () => {
    for (const status of [200, 202, 204, 299]) expect(after(1, status)).toEqual({ kind: "delivered" });
    expect(after(1, 410)).toEqual({ kind: "dead", reason: "GONE" });
    for (const status of [0, 302, 400, 404, 429, 500]) expect(after(1, status)).toMatchObject({ kind: "retry" });
  });

  test("pauses double up to an hour, by chance between half and whole", () => {
    const pauses = [1, 2, 3, 9, 10, 11, 50].map((attempt) => (after(attempt, 500) as { afterMs: number }).afterMs);
    expect(pauses).toEqual([5_000, 10_000, 20_000, 1_280_000, 2_560_000, 3_600_000, 3_600_000]);
    expect(after(1, 500, { luck: 0 })).toEqual({ kind: "retry", afterMs: 2_500 });
    expect(after(1, 503, { retryAfterMs: 60_000 })).toEqual({ kind: "retry", afterMs: 60_000 });
  });

  test("it ends: by its deadline, and by the number of attempts", () => {
    expect(after(1, 500, { leftMs: 4_000 })).toEqual({ kind: "dead", reason: "EXPIRED" });
    expect(after(200, 500, { leftMs: 100 * day })).toEqual({ kind: "dead", reason: "ATTEMPTS" });
  });

  test("an endpoint that is down for three days is tried some eighty times", () => {
    let [now, attempt] = [0, 1];
    for (; ; attempt++) {
      const next = nextAttempt({ attempt, deadlineMs: 3 * day }, { status: 0 }, now, chance(0.5));
      if (next.kind !== "retry") break;
      now += next.afterMs;
    }
    expect(now).toBeGreaterThan(2.9 * day);
    expect(attempt).toBeGreaterThan(70);
    expect(attempt).toBeLessThan(120);
  });
});
