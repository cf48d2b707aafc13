import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createJobId } from "../../src/domain/job-id.js";
import type { NewJob } from "../../src/domain/job.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { slotCount, slotOf } from "../../src/store/slot.js";
import type { AttemptEnd, Hint, JobQuery, Store } from "../../src/store/store.js";
import { systemRandom } from "../../src/system/random.js";
import { eventually } from "../support/eventually.js";
import { bury, claimOne, newJob, reopen, succeed, worker } from "../support/jobs.js";
import { see } from "../support/store.js";
import type { Topology } from "../support/redis-topologies.js";

/** Parts of a cluster that the two zones of a test lie in: three primaries share the slots evenly. */
const parts = 3;

interface World {
  readonly store: Store;
  readonly time: { now: number };
  /** Two zones that a cluster of three keeps on different primaries. */
  readonly zones: readonly [string, string];
  /** A job in one of the zones, on a device of its own there unless told otherwise. */
  job(zone: string, part?: Partial<NewJob>): NewJob;
}

/** An installation of its own on the topology, so that tests neither meet nor clean up after each other. */
async function openWorld(url: string, prefix: string): Promise<World> {
  const time = { now: Date.UTC(2030, 0, 1) };
  const store = await createRedisStore({
    calendar: createCalendar(),
    ...{ address: url, prefix, now: () => time.now, monotonic: () => performance.now() },
    scriptTimeMs: () => time.now,
  });
  const partOf = (zone: string): number => Math.floor((slotOf(`{${prefix}:${zone}}`) * parts) / slotCount);
  let other = 0;
  while (partOf(`zone-${other}`) === partOf("default")) other++;
  const zones = ["default", `zone-${other}`] as const;
  const numbers = new Map<string, number>();
  for (const zone of zones) numbers.set(zone, await store.ensureZone(zone));
  const job = (zone: string, part: Partial<NewJob> = {}): NewJob =>
    newJob(time.now, { zone, id: createJobId(time.now, numbers.get(zone) ?? 0, systemRandom), ...part });
  return { store, time, zones, job };
}

/** What may happen to a topology in the middle of a run. */
export interface Disturbance<T extends Topology> {
  readonly name: string;
  /** Called once what was written so far is everywhere. */
  disturb(topology: T): Promise<void>;
}

/** The promises of the store that every way of running Redis keeps. A disturbance comes in the middle, once. */
export function conformance<T extends Topology>(
  name: string,
  open: () => Promise<T>,
  disturbance?: Disturbance<T>,
): void {
  describe(`the store on ${name}`, () => {
    let topology: T | undefined;
    let world: World;
    let count = 0;
    beforeAll(async () => {
      topology = await open();
    });
    afterAll(() => topology?.close());
    beforeEach(async () => {
      world = await openWorld(topology?.url ?? "", `pm${count++}`);
    });
    afterEach(async () => {
      // Whatever a test did, it left keys that fit each other.
      const problems: unknown[] = [];
      try {
        for (const zone of world.zones) {
          await world.store.fsck.check(zone, { repair: false, report: (problem) => problems.push(problem) });
        }
      } finally {
        await world.store.close();
      }
      expect(problems).toEqual([]);
    });

    const amo = { effectClass: "AT_MOST_ONCE" } as const;
    const end = { intendedStep: 0, confirmedStep: 0, keepDevice: true } as const;

    /** A registered worker in a zone. */
    async function hired(name: string, zone: string) {
      const identity = worker(name, zone);
      await world.store.leases.register(identity);
      await see(world.store, identity.zone);
      return identity;
    }

    test("a request id makes one job, also when it comes twice at one moment, and no other body passes under it", async () => {
      const { store, zones, job } = world;
      for (const zone of zones) {
        const idempotency = { scope: "ann", requestId: "r1", fingerprint: "body" };
        const both = await Promise.all([1, 2].map(() => store.jobs.create(job(zone, { idempotency }))));
        expect(both.map(({ replayed }) => replayed).sort()).toEqual([false, true]);
        expect(both[0]?.job.id).toBe(both[1]?.job.id);
        const other = job(zone, { idempotency: { ...idempotency, fingerprint: "other" } });
        await expect(store.jobs.create(other)).rejects.toMatchObject({ reason: "REQUEST_ID_REUSED" });
      }
      const mixed = Array.from({ length: 40 }, (_, i) => job(zones[i % 2] ?? "", { endpoint: `10.0.1.${i}:22` }));
      const made = await store.jobs.createMany(mixed);
      expect(made.map((one) => ("job" in one ? one.job.id : one.reason))).toEqual(mixed.map(({ id }) => id));
      expect((await store.jobs.getMany(mixed.map(({ id }) => id))).map((one) => one?.id)).toEqual(
        mixed.map(({ id }) => id),
      );
    });

    test("one worker holds a device at a time; a lost answer is given again; a late writer is fenced", async () => {
      const { store, zones, job } = world;
      for (const zone of zones) {
        const [w1, w2] = [await hired("w1", zone), await hired("w2", zone)];
        const first = (await store.jobs.create(job(zone))).job;
        const second = (await store.jobs.create(job(zone))).job;
        const once = await store.leases.claim(w1, 5, "same");
        const again = await store.leases.claim(w1, 5, "same");
        expect(once.claims.map((claim) => claim.job.id)).toEqual([first.id]);
        expect(again.claims.map((claim) => claim.fence)).toEqual(once.claims.map((claim) => claim.fence));
        expect(await claimOne(store, w2)).toBeUndefined();
        expect(await store.jobs.waiting([second])).toMatchObject([{ reason: "DEVICE_BUSY", blockingJob: first.id }]);
        const late = { zone, worker: "w1", job: first.id, endpoint: first.endpoint, fence: once.claims[0]!.fence };
        await bury(world.store, "w1", zone);
        const holder = (await claimOne(store, w2))!;
        expect(holder.job).toBe(first.id);
        expect(BigInt(holder.fence)).toBeGreaterThan(BigInt(late.fence));
        expect(await succeed(store, late)).toBe("FENCED");
        const figures = { running: 0, sessions: 0, closing: false, draining: false, succeeded: 0, failed: 0 };
        expect(await store.leases.beat(w1, figures)).toEqual({ answer: "DEAD" });
        expect(await succeed(store, holder)).toBe("OK");
        expect((await claimOne(store, w2))?.job).toBe(second.id);
      }
    });

    test("a device's line goes by acceptance less a minute for each point of priority", async () => {
      const { store, zones, time, job } = world;
      for (const zone of zones) {
        const w1 = await hired("w1", zone);
        const old = (await store.jobs.create(job(zone))).job.id;
        time.now += 30_000;
        const urgent = (await store.jobs.create(job(zone, { priority: 1 }))).job.id;
        time.now += 60_000;
        const late = (await store.jobs.create(job(zone, { priority: 1, ...amo }))).job.id;
        const order: string[] = [];
        for (let holder = await claimOne(store, w1); holder; holder = await claimOne(store, w1)) {
          order.push(holder.job);
          await succeed(store, holder);
        }
        expect(order).toEqual([urgent, old, late]);
      }
    });

    test("what has its time starts then, a retry waits its pause, and what waits too long is EXPIRED", async () => {
      const { store, zones, time, job } = world;
      for (const zone of zones) {
        const w1 = await hired("w1", zone);
        const later = (await store.jobs.create(job(zone, { startAfterMs: time.now + 500 }))).job.id;
        expect(await store.upkeep.tick(zone)).toMatchObject({ nextMs: 500 });
        expect(await claimOne(store, w1)).toBeUndefined();
        time.now += 500;
        await store.upkeep.tick(zone);
        const holder = (await claimOne(store, w1))!;
        expect(holder.job).toBe(later);
        const retry: AttemptEnd = {
          ...end,
          verdict: "RETRY",
          retryInMs: 300,
          error: { reason: "DISCONNECTED", message: "gone" },
        };
        expect(await store.leases.finish(holder, retry)).toBe("OK");
        expect(await store.jobs.get(later)).toMatchObject({ state: "DELAYED", attempts: [{ number: 1 }] });
        time.now += 300;
        await store.upkeep.tick(zone);
        expect((await claimOne(store, w1))?.job).toBe(later);
        const stale = (await store.jobs.create(job(zone, { queueTimeoutMs: 100 }))).job.id;
        time.now += 100;
        await store.upkeep.tick(zone);
        expect(await store.jobs.get(stale)).toMatchObject({ state: "EXPIRED", error: { reason: "QUEUE_TIMEOUT" } });
      }
    });

    test("cancelling ends what waits, tells the worker of what runs, and nothing else", async () => {
      const { store, zones, job } = world;
      for (const zone of zones) {
        const w1 = await hired("w1", zone);
        await store.jobs.create(job(zone));
        const running = (await claimOne(store, w1))!;
        const waiting = (await store.jobs.create(job(zone))).job.id;
        const why = { caller: "ann", reason: "no longer", interruptRunning: false };
        expect(await store.jobs.cancel(waiting, why)).toBe("CANCELLED");
        expect(await store.jobs.cancel(running.job, why)).toBe("RUNNING");
        expect(await store.jobs.cancel(running.job, { ...why, interruptRunning: true })).toBe("CANCELLING");
        const figures = { running: 1, sessions: 1, closing: false, draining: false, succeeded: 0, failed: 0 };
        expect(await store.leases.beat(w1, figures)).toMatchObject({ answer: "OK", cancels: [running.job] });
        expect(await store.leases.finish(running, { ...end, verdict: "CANCELLED", effect: "NONE" })).toBe("OK");
        expect((await store.jobs.get(running.job))?.state).toBe("CANCELLED");
      }
    });

    test("work lost after its intent is INDETERMINATE and its device held until somebody resolves it", async () => {
      const { store, zones, job } = world;
      for (const zone of zones) {
        const [w1, w2] = [await hired("w1", zone), await hired("w2", zone)];
        await store.jobs.create(job(zone, amo));
        const lost = (await claimOne(store, w1))!;
        expect(await store.leases.intent(lost, 1)).toMatchObject({ answer: "OK" });
        const change = (await store.jobs.create(job(zone, amo))).job.id;
        await bury(world.store, "w1", zone);
        expect(await store.jobs.get(lost.job)).toMatchObject({ state: "INDETERMINATE", intendedStep: 1 });
        expect(await store.devices.status(zone, lost.endpoint)).toMatchObject({ hold: { job: lost.job } });
        expect(await claimOne(store, w2)).toBeUndefined();
        await store.jobs.resolve(lost.job, { kind: "APPLIED", resolver: "ann", reason: "seen" });
        expect((await claimOne(store, w2))?.job).toBe(change);
      }
    });

    if (disturbance) {
      test(
        disturbance.name,
        async () => {
          const { store, zones, job } = world;
          const seen = new Set<string>();
          const hints: Hint[] = [];
          const holders = [];
          for (const zone of zones) {
            const w1 = await hired("w1", zone);
            await store.leases.onHint(w1, (hint) => hints.push(hint));
            await store.jobs.create(job(zone));
            const holder = (await claimOne(store, w1))!;
            store.watches.onJob(holder.job, () => seen.add(holder.job));
            holders.push({ holder, w1 });
          }
          await disturbance.disturb(topology!);
          const refused: unknown[] = [];
          for (const { holder, w1 } of holders) {
            const answer = await eventually(
              () =>
                succeed(store, holder).catch((error: unknown) => {
                  refused.push((error as { reason?: string }).reason);
                  throw error;
                }),
              120_000,
            );
            // Its first answer may have been lost: then the second says that the device is no longer ours.
            expect(refused.length > 0 ? ["OK", "FENCED"] : ["OK"]).toContain(answer);
            expect((await store.jobs.get(holder.job))?.state).toBe("SUCCEEDED");
            await eventually(() => expect(seen).toContain(holder.job));
            hints.length = 0;
            // Another process answers: nothing is given out before what it may have forgotten is known.
            expect(await claimOne(store, w1)).toBeUndefined();
            await reopen(store, [w1], world.time);
            expect(await claimOne(store, w1)).toBeUndefined();
            // Hints flow again, over a connection to a process that is still there.
            await eventually(async () => {
              await store.jobs.create(job(holder.zone));
              const next = await claimOne(store, w1);
              if (next) await succeed(store, next);
              await claimOne(store, w1);
              expect(hints).toContainEqual({ kind: "work" });
            });
            const made = (await store.jobs.create(job(holder.zone, { endpoint: "10.0.0.9:22" }))).job;
            let heard = false;
            store.watches.onJob(made.id, () => (heard = true));
            await store.jobs.cancel(made.id, { caller: "ann", reason: "", interruptRunning: false });
            await eventually(() => expect(heard).toBe(true));
          }
          // Whatever was refused meanwhile was refused for that one reason.
          expect(refused.filter((reason) => reason !== "STORE_UNAVAILABLE" && reason !== "STORE_RECONCILING")).toEqual(
            [],
          );
        },
        240_000,
      );
    }

    test("scripts that Redis has forgotten are given to it again, and each runs once", async () => {
      const { store, zones, job } = world;
      for (const { redis } of topology?.nodes ?? []) if (redis.status === "ready") await redis.script("FLUSH");
      const many = Array.from({ length: 20 }, (_, i) => job(zones[i % 2] ?? "", { endpoint: `10.0.2.${i}:22` }));
      const made = await store.jobs.createMany(many);
      expect(made.map((one) => ("job" in one ? one.job.id : one.reason))).toEqual(many.map(({ id }) => id));
      expect((await store.jobs.count({})).get("QUEUED")).toBe(20);
    });

    test("events are numbered without gaps and output keeps every byte, also when a part is sent twice", async () => {
      const { store, zones, job } = world;
      for (const zone of zones) {
        const w1 = await hired("w1", zone);
        const sealedSecret = new Uint8Array([0, 255, 13, 10]);
        await store.jobs.create(job(zone, { sealedSecret }));
        const { claims } = await store.leases.claim(w1, 1, "one");
        const [claim] = claims;
        expect([...claim!.sealedSecret!]).toEqual([...sealedSecret]);
        const holder = { zone, worker: "w1", job: claim!.job.id, endpoint: claim!.job.endpoint, fence: claim!.fence };
        const output = new Uint8Array(Array.from({ length: 256 }, (_, i) => i));
        const part = { number: 1, output, facts: [{ kind: "output", command: 1, offset: 0, length: 256 }] as const };
        expect(await store.leases.append(holder, part)).toBe("OK");
        expect(await store.leases.append(holder, part)).toBe("OK");
        const transcript = new Uint8Array([254, 0, 1]);
        await store.leases.finish(holder, { ...end, verdict: "SUCCEEDED", effect: "COMPLETE", transcript });
        const { events, first, last } = await store.jobs.events(holder.job, 1, 100);
        expect([first, last, ...events.map(({ number }) => number)]).toEqual([1, 4, 1, 2, 3, 4]);
        expect([...(await store.jobs.output(holder.job, 100, 156))!]).toEqual([...output.slice(100)]);
        expect([...(await store.jobs.transcript(holder.job))!]).toEqual([...transcript]);
      }
    });

    test("lists page through all zones, newest first, each job once, while others come", async () => {
      const { store, zones, time, job } = world;
      const ids: string[] = [];
      for (let i = 0; i < 9; i++) {
        time.now++;
        ids.unshift((await store.jobs.create(job(zones[i % 2] ?? "", { labels: { odd: String(i % 2) } }))).job.id);
      }
      const listed = async (query: JobQuery): Promise<string[]> => {
        const found: string[] = [];
        for (let before: string | undefined, more = true; more;) {
          const page = await store.jobs.list(query, { limit: 2, ...(before === undefined ? {} : { before }) });
          found.push(...page.jobs.map(({ id }) => id));
          time.now++;
          await store.jobs.create(job(zones[0]));
          before = page.next;
          more = before !== undefined;
        }
        return found;
      };
      expect(await listed({ createdBeforeMs: time.now + 1 })).toEqual(ids);
      expect(await listed({ labels: { odd: "1" } })).toEqual(ids.filter((_, i) => i % 2 === 1));
      expect(await listed({ zones: [zones[1]] })).toEqual(ids.filter((_, i) => i % 2 === 1));
      expect((await store.jobs.count({ zones: [zones[1]] })).get("QUEUED")).toBe(4);
    });

    test("followers of a job and of all jobs hear of every change, in every zone", async () => {
      const { store, zones, job } = world;
      const seen = new Set<string>();
      let grown = 0;
      store.watches.onFeed(() => grown++);
      const tails = await store.watches.tails();
      for (const zone of zones) {
        const made = job(zone);
        store.watches.onJob(made.id, () => seen.add(made.id));
        await store.jobs.create(made);
        await eventually(() => expect(seen).toContain(made.id));
        seen.clear();
        const before = grown;
        await store.jobs.cancel(made.id, { caller: "ann", reason: "", interruptRunning: false });
        await eventually(() => expect(seen).toContain(made.id));
        await eventually(() => expect(grown).toBeGreaterThan(before));
        const changes = await store.watches.changes(zone, tails.get(zone) ?? "0-0", 10);
        expect(changes.map(({ job: id, event }) => [id, event])).toEqual([
          [made.id, 1],
          [made.id, expect.any(Number)],
        ]);
      }
      expect(await store.watches.epoch()).toBe(await store.watches.epoch());
    });

    test("an idle worker is told of work in its zone, and a running one of a cancellation", async () => {
      const { store, zones, job } = world;
      for (const zone of zones) {
        const w1 = await hired("w1", zone);
        const hints: Hint[] = [];
        const stop = await store.leases.onHint(w1, (hint) => hints.push(hint));
        expect(await claimOne(store, w1)).toBeUndefined();
        await store.jobs.create(job(zone));
        await eventually(() => expect(hints).toContainEqual({ kind: "work" }));
        const holder = (await claimOne(store, w1))!;
        await store.jobs.cancel(holder.job, { caller: "ann", reason: "", interruptRunning: true });
        await eventually(() => expect(hints).toContainEqual({ kind: "cancel", job: holder.job }));
        await stop();
      }
    });

    test("the inventory keeps one device per endpoint and credentials as they were sealed", async () => {
      const { store, zones } = world;
      const sealed = new Uint8Array([0, 1, 2, 255]);
      const login = {
        name: "lab",
        username: "ann",
        hasPassword: true,
        hasPrivateKey: false,
        hasEnableSecret: false,
        sealed,
      };
      expect((await store.credentials.create(login)).version).toBe(1);
      expect([...((await store.credentials.get("lab"))?.sealed ?? [])]).toEqual([...sealed]);
      for (const zone of zones) {
        const device = {
          ...{ name: `r-${zone}`, address: "10.0.0.1", port: 22, platform: "linux", credential: "lab" },
          ...{ zone, endpoint: "10.0.0.1:22", labels: { site: "fra" } },
        };
        await store.devices.create(device);
        await expect(store.devices.create({ ...device, name: "twin" })).rejects.toMatchObject({
          reason: "ENDPOINT_TAKEN",
        });
        expect(await store.devices.get(device.name)).toMatchObject(device);
        const at = { address: "10.0.0.1", port: 22 };
        for (const key of ["ssh-ed25519 A", "ssh-ed25519 B"]) {
          expect(await store.devices.pinFirstHostKey(zone, at, key)).toEqual(["ssh-ed25519 A"]);
        }
        await store.jobs.create(world.job(zone, { device: device.name }));
        await expect(store.devices.remove(device.name)).rejects.toMatchObject({ reason: "DEVICE_HAS_LIVE_JOBS" });
      }
      await expect(store.credentials.remove("lab")).rejects.toMatchObject({ reason: "CREDENTIAL_IN_USE" });
      const { devices } = await store.devices.list({ limit: 10 });
      expect(devices.map(({ name }) => name)).toEqual(zones.map((zone) => `r-${zone}`).sort());
      const key = { id: "abcdefghijkl", name: "ci", role: "operator", hash: "00" } as const;
      await store.apiKeys.create(key);
      expect(await store.apiKeys.list()).toMatchObject([key]);
    });

    test("workers of all zones are listed, and what one owned is free once it retires", async () => {
      const { store, zones, job } = world;
      for (const zone of zones) {
        const w1 = await hired(`w1-${zone}`, zone);
        await store.jobs.create(job(zone));
        await succeed(store, (await claimOne(store, w1))!);
        expect(await store.workers.endpoints(zone, w1.name, 10)).toEqual(["10.0.0.1:22"]);
        await store.leases.retire(w1);
        expect((await store.devices.status(zone, "10.0.0.1:22")).owner).toBeUndefined();
      }
      expect((await store.workers.list()).map(({ name, state }) => [name, state])).toEqual(
        zones.map((zone) => [`w1-${zone}`, "dead"]).sort(),
      );
      expect([...(await store.zones()).keys()]).toEqual(expect.arrayContaining([...zones]));
      expect(await store.ping()).toBeGreaterThan(0);
    });
  });
}
