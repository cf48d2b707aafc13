import type { Logger } from "pino";
import {
  createSessionPool,
  type Endpoint,
  type HostKey,
  type Platform,
  type SessionPool,
  type TransportFactory,
} from "../device/index.js";
import type { Clock, Random } from "../domain/clock.js";
import type { Service } from "../domain/service.js";
import type { Sealer } from "../secrets/sealer.js";
import type { Claim, Store, WorkerIdentity } from "../store/store.js";
import { type Attempt, startAttempt } from "./attempt.js";
import type { StopCause } from "./attempt-context.js";
import type { Journal } from "./journal.js";
import { createLease, type Lease } from "./lease.js";
import { createReach, type ReachableEndpoint } from "./reach.js";
import { createZoneWorker, type ZoneWorker } from "./zone-worker.js";

/** What a worker is made of. Everything with a clock, a random number, Redis, a device or a file comes from outside. */
export interface WorkerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
  readonly platforms: ReadonlyMap<string, Platform>;
  readonly logger: Logger;
  /** Opens the journal of a worker of this name. */
  readonly openJournal: (worker: string) => Promise<Journal>;
  readonly connect?: TransportFactory;
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  /** The zones it serves. */
  readonly zones: readonly string[];
  /** Jobs it runs at a time. */
  readonly capacity: number;
  readonly defaultHostKeyPolicy: "strict" | "accept-new";
  /** How long `stop` lets running work finish before it is interrupted, in milliseconds. */
  readonly drainMs: number;
}

/** A worker: one process, thousands of devices. */
export interface Worker extends Service {
  /** Its name now: a worker that was buried goes on under another. */
  readonly name: string;
  readonly running: number;
}

/** How long attempts that were interrupted may take to tell the store their end. */
const lastWordsMs = 10_000;

export function createWorker(options: WorkerOptions): Worker {
  const { store, clock, random, logger } = options;
  const attempts = new Map<string, Attempt>();
  let life: Life | undefined;
  let draining = false;
  let stopping = false;

  /** Everything that belongs to one name: buried, it is left behind as a whole. */
  interface Life {
    readonly name: string;
    readonly lease: Lease;
    readonly journal: Journal;
    readonly zones: readonly ZoneWorker[];
    readonly identities: readonly WorkerIdentity[];
    readonly giveUp: AbortController;
    /** How jobs ended, by zone: told with the beats. */
    readonly ends: ReadonlyMap<string, { succeeded: number; failed: number }>;
  }

  const pool: SessionPool = createSessionPool({
    clock,
    random,
    ...(options.connect ? { connect: options.connect } : {}),
    onHostKey: (endpoint, key) => void keepHostKey(endpoint as ReachableEndpoint, key),
    onIdleClose: (endpoint) => void release(endpoint as ReachableEndpoint),
  });
  const reach = createReach({ ...options, store });

  async function keepHostKey({ zone, address, port }: ReachableEndpoint, key: HostKey): Promise<void> {
    await store.devices.pinFirstHostKey(zone, address, port, key.line).catch((error: unknown) => {
      logger.error({ err: error, address, port }, "the first host key of a device could not be kept");
    });
    logger.info({ address, port, fingerprint: key.fingerprint }, "accepted the first host key of a device");
  }

  /** The last session to a device is gone, so another worker may have it. A lost call is made good by the handing on of work. */
  async function release({ zone, exclusive }: ReachableEndpoint): Promise<void> {
    const identity = life?.identities.find((one) => one.zone === zone);
    if (identity) await store.leases.release(identity, [exclusive]).catch(() => undefined);
  }

  function stopAll(cause: StopCause): void {
    for (const attempt of attempts.values()) attempt.stop(cause);
  }

  function begin(current: Life, claim: Claim): void {
    const parts = {
      ...current,
      clock,
      random,
      leases: store.leases,
      pool,
      reach,
      logger,
      giveUp: current.giveUp.signal,
    };
    const attempt = startAttempt(parts, current.name, claim);
    attempts.set(claim.job.id, attempt);
    void attempt.ended.then((verdict) => {
      const ends = current.ends.get(claim.job.zone);
      if (ends && verdict === "SUCCEEDED") ends.succeeded++;
      else if (ends && verdict !== undefined && verdict !== "RETRY" && verdict !== "REQUEUE") ends.failed++;
      if (attempts.get(claim.job.id) === attempt) attempts.delete(claim.job.id);
      for (const zone of current.zones) zone.nudge();
    });
  }

  async function live(): Promise<Life> {
    const suffix = Buffer.from(random.bytes(4)).toString("hex");
    const name = `${options.hostname}-${options.pid}-${suffix}`;
    const { pid, hostname, version, capacity } = options;
    const identities = options.zones.map((zone) => ({ name, zone, pid, hostname, version, capacity }));
    for (const zone of options.zones) await store.ensureZone(zone);
    const lease = createLease(clock);
    const journal = await options.openJournal(name);
    const zones: ZoneWorker[] = [];
    const ends = new Map(options.zones.map((zone) => [zone, { succeeded: 0, failed: 0 }]));
    const endsIn = (zone: string) => ends.get(zone) ?? { succeeded: 0, failed: 0 };
    const current: Life = { name, lease, journal, zones, identities, ends, giveUp: new AbortController() };
    for (const identity of identities) {
      zones.push(
        createZoneWorker({
          clock,
          lease,
          identity,
          logger,
          leases: store.leases,
          claimId: () => Buffer.from(random.bytes(8)).toString("hex"),
          free: () => (draining ? 0 : Math.max(0, options.capacity - attempts.size)),
          figures: () => ({ running: attempts.size, sessions: pool.size, ...endsIn(identity.zone) }),
          draining: () => draining,
          begin: (claim) => begin(current, claim),
          cancel: (job) => attempts.get(job)?.stop("cancel"),
          letGo: (endpoint) => void letGo(identity.zone, endpoint),
          lost: (how) => lost(current, how),
        }),
      );
    }
    for (const zone of zones) await zone.start();
    return current;
  }

  async function letGo(zone: string, endpoint: string): Promise<void> {
    await pool.closeIdle((one: Endpoint) => {
      const { zone: its, exclusive } = one as ReachableEndpoint;
      return its === zone && exclusive === endpoint;
    });
  }

  function lost(current: Life, how: "expired" | "buried"): void {
    stopAll("lease");
    if (how === "expired" || current !== life || stopping) return;
    logger.error({ worker: current.name }, "this worker was taken for dead; it goes on under another name");
    life = undefined;
    void (async () => {
      await leave(current);
      await clock.sleep(1_000);
      if (!stopping) life = await live();
    })().catch((error: unknown) => logger.error({ err: error }, "the worker could not start again"));
  }

  async function leave(current: Life): Promise<void> {
    for (const zone of current.zones) await zone.stop();
    current.giveUp.abort();
    await Promise.all([...attempts.values()].map(({ ended }) => ended));
    await current.journal.close();
  }

  /** Resolves when no attempt runs any more, or after `ms`. */
  async function settled(ms: number): Promise<void> {
    const over = Promise.all([...attempts.values()].map(({ ended }) => ended));
    await new Promise<void>((resolve) => {
      const cancel = clock.timer(ms, resolve);
      void over.then(() => {
        cancel();
        resolve();
      });
    });
  }

  return {
    get name() {
      return life?.name ?? "";
    },
    get running() {
      return attempts.size;
    },
    async start() {
      life ??= await live();
      logger.info({ worker: life.name, zones: options.zones, capacity: options.capacity }, "worker ready");
    },
    async stop() {
      stopping = true;
      draining = true;
      const current = life;
      if (!current) return pool.close();
      await settled(options.drainMs);
      stopAll("shutdown");
      await settled(lastWordsMs);
      await leave(current);
      await pool.close();
      await Promise.all(current.identities.map((one) => store.leases.retire(one).catch(() => undefined)));
      life = undefined;
      logger.info({ worker: current.name }, "worker stopped");
    },
  };
}
