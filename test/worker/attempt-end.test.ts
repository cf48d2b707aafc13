import { pino } from "pino";
import { expect, test } from "vitest";
import { type AttemptEnd, StoreError } from "../../src/store/store.js";
import { AttemptEnded, FrozenError } from "../../src/worker/attempt-context.js";
import { answered, attemptAlone, specOf, storeAway } from "./one-attempt.js";

const diskFull = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
const scriptError = (): Error => new Error("ERR user_script:166: too many results to unpack");

test("a change that went well is told as SUCCEEDED and COMPLETE", async () => {
  const { attempt, ends } = attemptAlone();
  expect(await attempt.ended).toBe("SUCCEEDED");
  expect(ends).toMatchObject([{ verdict: "SUCCEEDED", effect: "COMPLETE", intendedStep: 1, confirmedStep: 1 }]);
});

test("the end of a change is told although the journal's disk is full by then", async () => {
  const { attempt, ends } = attemptAlone({
    journal: ({ kind }) => (kind === "done" ? Promise.reject(new Error("ENOSPC")) : Promise.resolve()),
  });
  await attempt.ended;
  expect(ends).toMatchObject([{ verdict: "SUCCEEDED" }]);
});

test("a change that the journal cannot take was not sent, and is tried again, also where one attempt is all it has", async () => {
  const { attempt, ends, sent } = attemptAlone({
    journal: ({ kind }) => (kind === "intent" ? Promise.reject(diskFull) : Promise.resolve()),
  });
  await attempt.ended;
  expect(sent).toEqual([]);
  const message = expect.stringContaining("(ENOSPC)") as string;
  expect(ends).toMatchObject([
    { verdict: "RETRY", error: { reason: "JOURNAL_UNAVAILABLE", message }, intendedStep: 0 },
  ]);
});

test.each([
  ["AT_MOST_ONCE", 1, { verdict: "INDETERMINATE" }],
  ["READ_ONLY", 1, { verdict: "RETRY" }],
  ["READ_ONLY", 3, { verdict: "FAILED", effect: "NONE" }],
  ["IDEMPOTENT", 3, { verdict: "FAILED", effect: "PARTIAL" }],
] as const)(
  "%s work on attempt %i of 3 whose output the store refuses is told as %o",
  async (effectClass, attemptNumber, expected) => {
    const { attempt, ends, untold } = attemptAlone({
      job: { effectClass, attempt: attemptNumber, spec: specOf(["show clock"]) },
      leases: { append: () => Promise.reject(scriptError()) },
      run: ({ onOutput }) => {
        // More than is kept for the end.
        void onOutput?.("x".repeat(40_000));
        return Promise.resolve(answered);
      },
    });
    await attempt.ended;
    const message = expect.stringContaining("40000 bytes of it are lost") as string;
    expect(ends).toMatchObject([{ ...expected, error: { reason: "INTERNAL", message } }]);
    expect(untold()).toBe(0);
  },
);

test("an end is told again and again while the store is away, and the log says so once", async () => {
  const lines: string[] = [];
  let tries = 0;
  const { attempt, clock } = attemptAlone({
    logger: pino({ level: "warn" }, { write: (line) => void lines.push(line) }),
    leases: {
      finish: () => (++tries < 50 ? Promise.reject(storeAway()) : Promise.resolve("OK")),
    },
  });
  await clock.advance(60_000);
  expect(await attempt.ended).toBe("SUCCEEDED");
  expect(tries).toBe(50);
  expect(lines).toEqual([expect.stringContaining("the store does not answer")]);
});

test("an end that the store refuses is told again without what it may have choked on", async () => {
  const ends: AttemptEnd[] = [];
  const { attempt } = attemptAlone({
    leases: {
      finish: (_holder, end) => (ends.push(end) === 1 ? Promise.reject(scriptError()) : Promise.resolve("OK")),
    },
  });
  expect(await attempt.ended).toBe("INDETERMINATE");
  expect(ends).toMatchObject([
    { verdict: "SUCCEEDED" },
    { verdict: "INDETERMINATE", intendedStep: 1, confirmedStep: 1 },
  ]);
  expect(ends[1]?.rest).toBeUndefined();
});

test("a job that cannot be read ends all the same", async () => {
  const { attempt, ends } = attemptAlone({ job: { spec: Buffer.from([0xff]) } });
  await attempt.ended;
  expect(ends).toMatchObject([{ verdict: "RETRY", error: { reason: "INTERNAL" } }]);
});

test("an end that the store refuses for good is said to be untold, so that the worker gives its life up", async () => {
  const { attempt, untold } = attemptAlone({ leases: { finish: () => Promise.reject(scriptError()) } });
  expect(await attempt.ended).toBeUndefined();
  expect(untold()).toBe(1);
});

test("a read whose device could not be looked up because the store was away goes back into its line, not counted", async () => {
  const { attempt, ends } = attemptAlone({
    job: { effectClass: "READ_ONLY", spec: specOf(["show clock"]) },
    reach: () => Promise.reject(storeAway()),
  });
  await attempt.ended;
  expect(ends).toMatchObject([{ verdict: "REQUEUE", error: { reason: "WORKER_LOST" } }]);
});

test("a change whose intent the store did not answer was not sent, and goes back into its line", async () => {
  const { attempt, ends, sent } = attemptAlone({ leases: { intent: () => Promise.reject(storeAway()) } });
  await attempt.ended;
  expect(sent).toEqual([]);
  expect(ends).toMatchObject([{ verdict: "REQUEUE" }]);
});

test.each([new FrozenError({ policy: "freeze/night" }), new AttemptEnded("CANCELLED")])(
  "behind the point of no return nothing says that the work has not begun: %s",
  async (error) => {
    const { attempt, ends } = attemptAlone({ run: () => Promise.reject(error) });
    await attempt.ended;
    expect(ends).toMatchObject([{ verdict: "INDETERMINATE", intendedStep: 1, confirmedStep: 0 }]);
  },
);

test("a change whose queue timeout passed before its intent is EXPIRED for that reason", async () => {
  const { attempt, ends, sent } = attemptAlone({ leases: { intent: () => Promise.resolve({ answer: "EXPIRED" }) } });
  await attempt.ended;
  expect(sent).toEqual([]);
  expect(ends).toMatchObject([{ verdict: "EXPIRED", effect: "NONE", error: { reason: "QUEUE_TIMEOUT" } }]);
});

test("an end that was heard while another history was told that the attempt goes on is told there too", async () => {
  let histories = 0;
  const heard: AttemptEnd[] = [];
  const { attempt } = attemptAlone({
    histories: () => histories,
    leases: {
      finish: (_holder, end) => {
        if (heard.push(end) === 1) histories++;
        return Promise.resolve(heard.length === 1 ? "OK" : "FENCED");
      },
    },
  });
  expect(await attempt.ended).toBe("SUCCEEDED");
  expect(heard).toHaveLength(2);
});

test.each([
  ["answered late", "intent"],
  ["in the journal late", "journal"],
] as const)("an intent that is %s, when another history is being told, is asked for there", async (_, late) => {
  let histories = 0;
  const asked: number[] = [];
  const written: string[] = [];
  const { attempt, ends, sent } = attemptAlone({
    histories: () => histories,
    journal: ({ kind }) => {
      if (kind === "intent" && late === "journal") histories++;
      written.push(kind);
      return Promise.resolve();
    },
    leases: {
      intent: () => {
        if (asked.push(histories) > 1) return Promise.reject(new StoreError("STORE_RECONCILING", "another history"));
        if (late === "intent") histories++;
        return Promise.resolve({ answer: "OK", requests: [] });
      },
    },
  });
  await attempt.ended;
  // The journal may have been read before the entry was in it, so the new history does not know of it.
  expect(asked).toEqual([0, 1]);
  expect(sent).toEqual([]);
  expect(written).toEqual(["intent", "done"]);
  expect(ends).toMatchObject([{ verdict: "REQUEUE" }]);
});
