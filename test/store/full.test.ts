import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");
const change = { effectClass: "AT_MOST_ONCE" } as const;
const figures = { running: 1, sessions: 1, closing: false, draining: false, succeeded: 0, failed: 0 };

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

/** Redis has used this much of what it may, in per cent, and the store has noticed. */
async function fill(percent: number): Promise<void> {
  const [, used] = /^used_memory:(\d+)/m.exec(await at.redis.info("memory")) ?? [];
  await at.redis.config("SET", "maxmemory", String(Math.ceil((Number(used) * 100) / percent)));
  await at.store.upkeep.tick("default");
}

const idempotency = { scope: "ann/CreateJob", requestId: "one", fingerprint: "f" };
const line = (text: string) => ({
  facts: [
    { kind: "started", command: 1, line: "show log" },
    { kind: "output", command: 1, offset: 0, length: text.length },
  ] as const,
  output: Buffer.from(text),
});

test("a full Redis refuses new work, then cuts output; what was accepted runs and ends", async () => {
  await at.store.ensureZone("default");
  // So much that what the test itself does is no per cent of it.
  await at.redis.set("ballast", Buffer.alloc(32_000_000));
  await at.store.leases.register(w1);
  const first = newJob(at.time.now, { ...change, idempotency });
  await at.store.jobs.create(first);
  const read = newJob(at.time.now, { endpoint: "10.0.0.2:22" });
  await at.store.jobs.create(read);

  await fill(85);
  await expect(at.store.jobs.create(newJob(at.time.now))).rejects.toMatchObject({ reason: "STORE_FULL" });
  expect((await at.store.jobs.create({ ...first, id: newJob(at.time.now).id })).replayed).toBe(true);
  const holder = (await claimOne(at.store, w1))!;
  const reader = (await claimOne(at.store, w1))!;
  expect(await at.store.leases.append(reader, { number: 1, ...line("kept") })).toBe("OK");

  await fill(95);
  expect(await at.store.leases.append(reader, { number: 2, ...line("not kept") })).toBe("CUT");
  // Over what it may use, Redis takes nothing but what says that it must be taken.
  await fill(130);
  await expect(at.redis.set("anything", "1")).rejects.toThrow("OOM");
  await expect(at.store.jobs.create(newJob(at.time.now))).rejects.toMatchObject({ reason: "STORE_FULL" });
  expect(await at.store.leases.beat(w1, figures)).toMatchObject({ answer: "OK" });
  expect(await at.store.leases.intent(holder, 1)).toMatchObject({ answer: "OK" });
  const end = {
    verdict: "SUCCEEDED",
    effect: "COMPLETE",
    intendedStep: 1,
    confirmedStep: 1,
    keepDevice: true,
  } as const;
  expect(await at.store.leases.finish(holder, { ...end, rest: line("nor this") })).toBe("OK");
  expect(await at.store.leases.finish(reader, { ...end, parts: 2 })).toBe("OK");

  const [made, seen] = await at.store.jobs.getMany([first.id, read.id]);
  expect(made).toMatchObject({ state: "SUCCEEDED", outputCut: "memory", outputBytes: 0 });
  expect(seen).toMatchObject({ state: "SUCCEEDED", outputCut: "memory", outputBytes: 4 });
  const messages = (await at.store.jobs.events(read.id, 1, 100)).events.flatMap(({ fact }) =>
    fact.kind === "log" ? [fact.message] : [],
  );
  expect(messages).toEqual(["the output is not kept from here on: Redis is nearly full"]);
  const problems: unknown[] = [];
  await at.store.fsck.check("default", { repair: false, report: (problem) => problems.push(problem) });
  expect(problems).toEqual([]);

  // Who watches over it still learns how it is, and what it accepted does not connect past an open breaker.
  expect(await at.store.condition.zone("default")).toMatchObject({ gate: "OPEN", queued: 0, running: 0 });
  const contact = { zone: "default", endpoint: "10.0.0.9:22", credential: "lab/1/5" };
  const silent = { kind: "unreachable", reason: "DEVICE_UNREACHABLE", message: "no answer" } as const;
  for (let i = 0; i < 5; i++) await at.store.contacts.end(contact, silent);
  expect(await at.store.contacts.begin(contact, false)).toMatchObject({ open: { name: "device/10.0.0.9:22" } });

  await at.redis.config("SET", "maxmemory", "0");
  await at.store.upkeep.tick("default");
  await at.store.jobs.create(newJob(at.time.now));
});

test("only what brings something new is refused by a full Redis", () => {
  const files = readdirSync("src/store/scripts").map((file) => file.replace(/\.lua$/, ""));
  const parts = new Set(files.flatMap((name) => included(name)));
  const refused = files.filter((name) => name !== "prelude" && !parts.has(name) && !textOf(name).startsWith("#!lua "));
  expect(refused.sort()).toEqual([
    ...[
      "add_deliveries",
      "add_firings",
      "bear_jobs",
      "enqueue",
      "ensure_zone",
      "fire_schedule",
      "open_run",
      "redeliver",
    ],
    ...["take_firings", "write_credential", "write_device", "write_schedule", "write_schema"],
  ]);
});

function textOf(name: string): string {
  return readFileSync(`src/store/scripts/${name}.lua`, "utf8");
}

function included(name: string): readonly string[] {
  return [...textOf(name).matchAll(/^-- @include ([\w, ]+)$/gm)].flatMap(([, names = ""]) => names.split(", "));
}
