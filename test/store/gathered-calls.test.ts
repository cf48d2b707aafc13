import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { NewJob } from "../../src/domain/job.js";
import { createGatheredCalls } from "../../src/store/gathered-calls.js";
import type { Claim } from "../../src/store/store.js";
import { newJob, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

/** What is asked for at the same time goes to Redis together, and each has its own answer. */
let at: TestStore;
const w1 = worker("w1");
const zone = "{pm:default}";
const endpoint = (number: number): string => `10.0.0.${number}:22`;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(async () => {
  await at.store.leases.register(w1);
});
afterEach(async () => {
  await at.redis.config("SET", "maxmemory", "0");
  await at.empty();
});

const make = (number: number, part: Partial<NewJob> = {}): NewJob =>
  newJob(at.time.now, { endpoint: endpoint(number), ...part });

/** Scripts that ran. */
async function calls(): Promise<number> {
  const stats = await at.redis.info("commandstats");
  const ran = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+),.*failed_calls=(\d+)/g)];
  return ran.reduce((sum, [, all, failed]) => sum + Number(all) - Number(failed), 0);
}

function endOf({ job, fence }: Claim, part: { fence?: string } = {}) {
  const holder = { zone: "default", worker: "w1", job: job.id, endpoint: job.endpoint, fence, ...part };
  return at.store.leases.finish(holder, {
    verdict: "SUCCEEDED",
    effect: "COMPLETE",
    intendedStep: 1,
    confirmedStep: 1,
    keepDevice: true,
  });
}

async function problems(): Promise<unknown[]> {
  const found: unknown[] = [];
  await at.store.fsck.check("default", { repair: false, report: (problem) => found.push(problem) });
  return found;
}

describe("jobs created together", () => {
  test("are few calls, and stand in line in the order in which they were asked for", async () => {
    await at.store.jobs.create(make(99));
    const before = await calls();
    const made = Array.from({ length: 130 }, (_, i) => make(1 + (i % 2)));
    const answers = await Promise.all(made.map((job) => at.store.jobs.create(job)));
    expect(await calls()).toBe(before + 3);
    expect(answers.map(({ job }) => job.id)).toEqual(made.map(({ id }) => id));
    for (const line of [0, 1]) {
      const expected = made.filter((_, i) => i % 2 === line).map(({ id }) => id);
      expect(await at.redis.zrange(`${zone}:reads:${endpoint(1 + line)}`, "0", "-1")).toEqual(expected);
    }
    expect(await problems()).toEqual([]);
  });

  test("are refused each for itself", async () => {
    const idempotency = { scope: "s", requestId: "r", fingerprint: "x" };
    const dedupe = { key: "k", policy: "REJECT" } as const;
    const made = [
      make(1, { idempotency }),
      make(1, { idempotency }),
      make(1, { idempotency: { ...idempotency, fingerprint: "y" } }),
      make(2, { dedupe }),
      make(2, { dedupe }),
      make(2, { dedupe: { key: "k", policy: "REPLACE" } }),
      make(3),
    ];
    const [first, , , live, , instead, plain] = made.map(({ id }) => id);
    const [, again, other, , twin] = await Promise.allSettled(made.map((job) => at.store.jobs.create(job)));
    expect(again).toMatchObject({ value: { replayed: true, job: { id: first } } });
    expect(other).toMatchObject({ reason: { reason: "REQUEST_ID_REUSED" } });
    expect(twin).toMatchObject({ reason: { reason: "DUPLICATE_JOB", metadata: { job: live } } });
    expect(await at.store.jobs.get(live!)).toMatchObject({ state: "CANCELLED" });
    const { claims } = await at.store.leases.claim(w1, 10, "all");
    expect(claims.map(({ job }) => job.id)).toEqual([first, instead, plain]);
    expect(await problems()).toEqual([]);
  });

  test("do not fail with one of them", async () => {
    await at.redis.set(`${zone}:reads:${endpoint(2)}`, "no line");
    const answers = await Promise.allSettled([1, 2, 3].map((number) => at.store.jobs.create(make(number))));
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(answers[1]).toMatchObject({ reason: { message: expect.stringMatching(/WRONGTYPE/) as string } });
    const { claims } = await at.store.leases.claim(w1, 10, "all");
    expect(claims.map(({ job }) => job.endpoint)).toEqual([endpoint(1), endpoint(3)]);
  });

  test("all fail when Redis takes no writes, and leave nothing", async () => {
    const before = await at.dump();
    await at.redis.config("SET", "maxmemory", "1");
    const answers = await Promise.allSettled([1, 2, 3].map((number) => at.store.jobs.create(make(number))));
    for (const answer of answers) expect(answer).toMatchObject({ reason: { reason: "STORE_FULL" } });
    await at.redis.config("SET", "maxmemory", "0");
    expect(await at.dump()).toEqual(before);
  });

  test("go in several calls when their specs are large", async () => {
    await at.store.jobs.create(make(99));
    const before = await calls();
    const spec = Buffer.alloc(200_000, "x");
    await Promise.all([1, 2, 3].map((number) => at.store.jobs.create(make(number, { spec }))));
    expect(await calls()).toBe(before + 3);
  });
});

describe("attempts ended together", () => {
  test("are one call, offer their devices again and let parked jobs go on", async () => {
    await at.store.queues.setLimit("default", "queue/q", 1);
    await Promise.all(
      [1, 2, 3].flatMap((number) => [make(number), make(number)]).map((job) => at.store.jobs.create(job)),
    );
    await at.store.jobs.create(make(4, { queue: "q" }));
    const parked = (await at.store.jobs.create(make(5, { queue: "q" }))).job.id;
    const { claims } = await at.store.leases.claim(w1, 10, "first");
    expect(claims).toHaveLength(4);
    const before = await calls();
    expect(await Promise.all(claims.map((claim) => endOf(claim)))).toEqual(["OK", "OK", "OK", "OK"]);
    expect(await calls()).toBe(before + 1);
    expect(await problems()).toEqual([]);
    const next = (await at.store.leases.claim(w1, 10, "next")).claims;
    expect(next.map(({ job }) => job.endpoint).sort()).toEqual([1, 2, 3, 5].map(endpoint));
    expect(next.map(({ job }) => job.id)).toContain(parked);
  });

  test("are fenced each for itself, also when one is told twice", async () => {
    await Promise.all([1, 2].map((number) => at.store.jobs.create(make(number))));
    const [one, two] = (await at.store.leases.claim(w1, 10, "all")).claims;
    const answers = await Promise.all([endOf(one!, { fence: "999" }), endOf(two!), endOf(two!), endOf(one!)]);
    expect(answers).toEqual([...["FENCED", "OK"], ...["FENCED", "OK"]]);
    expect(await problems()).toEqual([]);
  });
});

describe("calls that Redis does not answer", () => {
  test("fail all that wait behind them at once, and what is asked for later goes out again", async () => {
    const sent: { readonly count: number; readonly answer: (reply: string[] | Error) => void }[] = [];
    const gathered = createGatheredCalls(
      {
        run: () => Promise.reject(new Error("not used")),
        runEach: (_name, _root, items) =>
          new Promise((resolve, reject) => {
            const answer = (reply: string[] | Error): void =>
              reply instanceof Error ? reject(reply) : resolve(reply.map((text) => Buffer.from(text)));
            sent.push({ count: items.length, answer });
          }),
      },
      "finish",
    );
    const ask = (count: number) => Promise.allSettled(Array.from({ length: count }, () => gathered("root", ["x"])));
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const all = ask(200);
    await turn();
    expect(sent.map(({ count }) => count)).toEqual([64, 64]);
    sent[0]!.answer(new Error("Command timed out"));
    sent[1]!.answer(Array.from({ length: 64 }, () => "OK"));
    const states = (await all).map(({ status }) => status);
    expect(states.slice(0, 64)).toEqual(Array.from({ length: 64 }, () => "rejected"));
    expect(states.slice(64, 128)).toEqual(Array.from({ length: 64 }, () => "fulfilled"));
    expect(states.slice(128)).toEqual(Array.from({ length: 72 }, () => "rejected"));
    expect(sent).toHaveLength(2);
    const later = ask(1);
    await turn();
    sent[2]!.answer(["OK"]);
    expect(await later).toMatchObject([{ status: "fulfilled" }]);
  });
});
