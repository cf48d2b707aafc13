import type { Logger } from "pino";
import {
  createHandshakes,
  createSessionPool,
  type HostKey,
  type Platform,
  type SessionPool,
  type TransportFactory,
} from "../device/index.js";
import type { Clock, Random } from "../domain/clock.js";
import type { DevicePlace } from "../domain/endpoint-key.js";
import type { Service } from "../domain/service.js";
import type { WorkerControl } from "../domain/worker-control.js";
import type { Sealer } from "../secrets/sealer.js";
import type { Store } from "../store/store.js";
import { createContacts } from "./contacts.js";
import type { Journals } from "./journal.js";
import { beginLife, type Leave, type Life } from "./life.js";
import type { Tools } from "./tools.js";
import { createReach, type ReachableEndpoint } from "./reach.js";

/** What a worker is made of. Everything with a clock, a random number, Redis, a device or a file comes from outside. */
export interface WorkerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
  readonly platforms: ReadonlyMap<string, Platform>;
  readonly logger: Logger;
  readonly journals: Journals;
  /** What work without a device is done with. */
  readonly tools: Tools;
  readonly connect?: TransportFactory;
  readonly hostname: string;
  /** The machine it runs on, by the name that jobs call it. */
  readonly node: string;
  readonly pid: number;
  readonly version: string;
  /** The zones it serves. */
  readonly zones: readonly string[];
  /** Jobs it runs at a time. */
  readonly capacity: number;
  /** What it says of itself, for people. */
  readonly labels: Readonly<Record<string, string>>;
  /** For how long the event loop kept others waiting at most, since it was asked last. Milliseconds. */
  readonly loopDelayMs: () => number;
  readonly defaultHostKeyPolicy: "strict" | "accept-new";
  /** Socket of the SSH agent whose keys logins may offer. */
  readonly sshAgent?: string;
  /** The label that says at which site a device stands, and connections begun in a minute to all that stands at one. */
  readonly siteLabel?: string;
  readonly siteConnectsPerMinute?: number;
  /** Most connections that are set up at once. */
  readonly maxHandshakes?: number;
  /** How late the event loop is at its 99th percentile, in milliseconds. */
  readonly loopP99Ms?: () => number;
  /** How long `stop` lets running work finish before it is interrupted, in milliseconds. */
  readonly drainMs: number;
}

/** A worker: one process, thousands of devices. Once stopped, it stays so. */
export interface Worker extends Service {
  /** Resolves when it has stopped, also when somebody told it to over the API. */
  readonly left: Promise<void>;
  /** Its name now: a worker that was buried goes on under another. */
  readonly name: string;
  readonly running: number;
  /** Its SSH sessions: all, those that wait for work, and those that are being opened. */
  readonly sessions: { readonly open: number; readonly idle: number; readonly connecting: number };
}

/** Between two tries to come back after a burial: this long at first, then longer each time. */
const comeBackMs = { first: 1_000, longest: 30_000 };
/** How long a change may wait for its answer in a worker that is to stop at once. */
const answerMs = 1_500;

export function createWorker(options: WorkerOptions): Worker {
  const { store, clock, random, logger } = options;
  const stopping = new AbortController();
  let life: Life | undefined;
  /** The life whose sessions are in the pool: the present one, or one that is ending. */
  let latest: Life | undefined;
  let starting: Promise<void> | undefined;
  let keeping: Promise<void> | undefined;
  let leaving: Promise<void> | undefined;
  let hasLeft: () => void = () => undefined;
  const left = new Promise<void>((resolve) => (hasLeft = resolve));
  /** What somebody told the worker to do, by zone. It outlives a burial. */
  const standing = new Map<string, WorkerControl>();

  const pool: SessionPool = createSessionPool({
    clock,
    random,
    ...(options.connect ? { connect: options.connect } : {}),
    gate: createContacts(store.contacts, logger),
    handshakes: createHandshakes({ clock, most: options.maxHandshakes, loopP99Ms: options.loopP99Ms }),
    ...(options.siteConnectsPerMinute === undefined ? {} : { siteConnectsPerMinute: options.siteConnectsPerMinute }),
    onHostKey: (endpoint, key, place) => keepHostKey(endpoint as ReachableEndpoint, key, place),
    beforeFarewell: (endpoint) => latest?.checkLease((endpoint as ReachableEndpoint).zone),
    onIdleClose: (endpoint) => void release(endpoint as ReachableEndpoint),
  });
  const reach = createReach({ ...options, store });

  /** Gives the keys that are known now. A store that does not answer knows no other. */
  async function keepHostKey(
    { zone }: ReachableEndpoint,
    key: HostKey,
    place: DevicePlace,
  ): Promise<readonly string[]> {
    const { address, port } = place;
    const { fingerprint } = key;
    const known = await store.devices.pinFirstHostKey(zone, place, key.line).catch((error: unknown) => {
      logger.error({ err: error, address, port }, "the first host key of a device could not be kept");
      return [key.line];
    });
    if (known.includes(key.line))
      logger.info({ address, port, fingerprint }, "accepted the first host key of a device");
    return known;
  }

  /** The last session to a device is gone, so another worker may have it. A lost call is made good by the handing on of work. */
  async function release({ zone, exclusive }: ReachableEndpoint): Promise<void> {
    const identity = life?.identity(zone);
    if (identity) await store.leases.release(identity, [exclusive]).catch(() => undefined);
  }

  async function live(): Promise<Life> {
    const orders = { control, standing: (zone: string) => standing.get(zone) };
    latest = await beginLife({ ...options, ...orders, pool, reach, stopping: () => stopping.signal.aborted });
    return latest;
  }

  function control(zone: string, told: WorkerControl | undefined): void {
    const before = standing.get(zone);
    if (told) standing.set(zone, told);
    else standing.delete(zone);
    if (before?.kind !== told?.kind) {
      const { kind = "RESUME", caller, reason } = told ?? {};
      logger.info({ zone, worker: latest?.name, order: kind, caller, reason }, "this worker was told what to do");
    }
    if (told && told.kind !== "SUSPEND") void leave(leaveOf(told, options.drainMs));
  }

  async function begin(): Promise<void> {
    await options.tools.tasks.start();
    life = await live();
    const { zones, capacity } = options;
    logger.info({ worker: life.name, zones, capacity }, "worker ready");
    keeping = keepAlive(life);
  }

  /** Goes on under another name whenever one is over, until the worker stops. */
  async function keepAlive(first: Life): Promise<void> {
    const asked = new Promise<undefined>((resolve) => {
      if (stopping.signal.aborted) resolve(undefined);
      else stopping.signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    for (let current: Life | undefined = first; current;) {
      const how: "buried" | "untold" | undefined = await Promise.race([asked, current.over]);
      if (how === undefined) return;
      const { name } = current;
      if (how === "buried")
        logger.error({ worker: name }, "this worker was taken for dead; it goes on under another name");
      else
        logger.error(
          { worker: name },
          "the store does not take the end of a job; the worker goes on under another name",
        );
      life = undefined;
      await current.end({ drainMs: how === "buried" ? 0 : options.drainMs });
      life = current = await comeBack();
    }
  }

  async function comeBack(): Promise<Life | undefined> {
    for (let pauseMs = comeBackMs.first; ; pauseMs = Math.min(2 * pauseMs, comeBackMs.longest)) {
      await clock.sleep(pauseMs, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return undefined;
      try {
        const next = await live();
        logger.info({ worker: next.name }, "the worker goes on");
        return next;
      } catch (error) {
        logger.error({ err: error }, "the worker could not start again; it tries on");
      }
    }
  }

  /** A second call can only hasten the first. */
  function leave(how: Leave): Promise<void> {
    stopping.abort();
    if (leaving) void latest?.end(how);
    return (leaving ??= goodbye(how));
  }

  async function goodbye(how: Leave): Promise<void> {
    await starting?.catch(() => undefined);
    await keeping;
    const current = life;
    life = undefined;
    await current?.end(how);
    await options.tools.tasks.stop();
    await pool.close();
    if (current) logger.info({ worker: current.name }, "worker stopped");
    hasLeft();
  }

  return {
    left,
    get name() {
      return life?.name ?? "";
    },
    get running() {
      return life?.running ?? 0;
    },
    get sessions() {
      return { open: pool.size, idle: pool.idle, connecting: pool.connecting };
    },
    start() {
      starting ??= begin().catch((error: unknown) => {
        starting = undefined;
        throw error;
      });
      return starting;
    },
    stop: () => leave({ drainMs: options.drainMs }),
  };
}

function leaveOf({ kind, graceMs }: WorkerControl, usualMs: number): Leave {
  if (kind === "NOW") return { drainMs: 0, answerMs };
  return { drainMs: kind === "DRAIN" ? Infinity : (graceMs ?? usualMs) };
}
