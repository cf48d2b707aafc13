import { setMaxListeners } from "node:events";
import type { Logger } from "pino";
import type { Endpoint, SessionPool } from "../device/index.js";
import type { Clock, Random } from "../domain/clock.js";
import type { WorkerControl } from "../domain/worker-control.js";
import { isFreeTask, skillsOf } from "../domain/work-place.js";
import type { Sealer } from "../secrets/sealer.js";
import { type Claim, type Store, StoreError, type WorkerIdentity } from "../store/store.js";
import { type Attempt, startAttempt } from "./attempt.js";
import type { StopCause } from "./attempt-context.js";
import type { Journals } from "./journal.js";
import { replayJournals } from "./replay.js";
import { createLease, type Lease } from "./lease.js";
import { createPatience } from "./patience.js";
import type { Reach, ReachableEndpoint } from "./reach.js";
import { createRoom } from "./room.js";
import { createSessionCloser } from "./session-closer.js";
import { createSessionTeller } from "./session-news.js";
import { createStopWatch } from "./stop-watch.js";
import type { Tools } from "./tools.js";
import { createZoneWorker, type ZoneWorker } from "./zone-worker.js";

/** How long attempts that were interrupted may take to tell the store their end. */
const lastWordsMs = 10_000;
/** A zone that could not be reached at first is tried again this often. */
const lateZoneMs = 1_000;
/** Running jobs that are told with a beat. */
const toldJobs = 100;

/** How a life ends. */
export interface Leave {
  /** How long what runs may go on before it is interrupted, in milliseconds. */
  readonly drainMs: number;
  /** How long changes that were interrupted may wait for their answer, in milliseconds. Default: their own grace. */
  readonly answerMs?: number;
}

/** What a life is made of. */
export interface LifeParts {
  readonly store: Pick<Store, "leases" | "policies" | "ensureZone">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly pool: SessionPool;
  readonly reach: Reach;
  readonly sealer: Sealer;
  readonly tools: Tools;
  readonly journals: Journals;
  readonly hostname: string;
  /** The machine it runs on, by the name that jobs call it. */
  readonly node: string;
  readonly pid: number;
  readonly version: string;
  readonly zones: readonly string[];
  readonly capacity: number;
  readonly labels: Readonly<Record<string, string>>;
  /** For how long the event loop kept others waiting at most, since it was asked last. Milliseconds. */
  readonly loopDelayMs: () => number;
  /** What stands in a zone from an earlier life. */
  readonly standing: (zone: string) => WorkerControl | undefined;
  /** Told again and again what somebody wants of the worker in a zone. */
  readonly control: (zone: string, control: WorkerControl | undefined) => void;
  /** The whole worker stops: nothing new is begun. */
  readonly stopping: () => boolean;
}

/** A worker under one name. Buried, it is left behind as a whole, and the worker goes on in another. */
export interface Life {
  readonly name: string;
  readonly running: number;
  /** Resolves when it cannot go on: a reaper buried it, or the store refuses to hear the end of one of its attempts. */
  readonly over: Promise<"buried" | "untold">;
  identity(zone: string): WorkerIdentity | undefined;
  /** Throws LeaseLostError when the lease in this zone is over. */
  checkLease(zone: string): void;
  /**
   * Takes nothing new, lets what runs go on for a while, interrupts the rest, closes the sessions, and ends its
   * registrations: what it still held then is up to the store. Resolves when nothing of it is left. Never rejects. A
   * second call can only hasten the first.
   */
  end(leave: Leave): Promise<void>;
}

/** One zone of a life. The lease of one says nothing about the devices of another. */
interface LifeInZone {
  readonly identity: WorkerIdentity;
  readonly lease: Lease;
  readonly worker: ZoneWorker;
  readonly attempts: Map<string, Attempt>;
}

/**
 * Begins a life under a new name. Zones whose store is away are served from when it is back. Rejects when that is so of all,
 * and when it cannot begin in one for another reason; then nothing of it is left.
 */
export async function beginLife(parts: LifeParts): Promise<Life> {
  const { store, clock, random, pool, pid, hostname, node, version, capacity, labels } = parts;
  const name = `${hostname}-${pid}-${Buffer.from(random.bytes(4)).toString("hex")}`;
  const own = parts.logger.child({ worker: name });
  const inZones: LifeInZone[] = [];
  const giveUp = new AbortController();
  // As many listen as attempts cannot tell the store what they did.
  setMaxListeners(0, giveUp.signal);
  const drain = createPatience(clock);
  const answers = createPatience(clock);
  /** Zones that are begun in late, until the life ends. */
  const late = new AbortController();
  let comingLate: Promise<unknown> | undefined;
  let ending = false;
  let ended: Promise<void> | undefined;
  let isOver: (how: "buried" | "untold") => void = () => undefined;
  const over = new Promise<"buried" | "untold">((resolve) => (isOver = resolve));

  const closing = (): boolean => ending || parts.stopping();
  const running = (): number => inZones.reduce((sum, { attempts }) => sum + attempts.size, 0);
  /** Attempts that take no place, since they wait for others; and tasks without a device, of which there is a number as well. */
  const resting = new Set<Claim>();
  const freeTasks = new Set<Claim>();
  const free = (): number => (closing() ? 0 : Math.max(0, capacity - (running() - resting.size)));
  const room = createRoom(free);
  const stopAll = (cause: StopCause): void => {
    for (const { attempts } of inZones) for (const attempt of attempts.values()) attempt.stop(cause);
  };

  void answers.over.then(() => {
    for (const { attempts } of inZones) for (const attempt of attempts.values()) attempt.cut();
  });

  const journal = await parts.journals.open(name);

  function inZone(zone: string): LifeInZone {
    const logger = own.child({ zone });
    const { types } = parts.tools.tasks;
    const skills = skillsOf(node, [...types.keys()]);
    const tasks = [...types.values()];
    const identity = { name, zone, pid, hostname, node, version, capacity, labels, skills, tasks };
    const standing = parts.standing(zone);
    const lease = createLease(clock);
    const attempts = new Map<string, Attempt>();
    const ends = { succeeded: 0, failed: 0 };
    let histories = 0;
    const { leases } = store;
    const changes = () => [...attempts.values()].filter(({ isChange }) => isChange);
    const watch = createStopWatch({
      ...{ clock, leases, zone, logger },
      changing: () => changes().length > 0,
      stopped: (words) => changes().forEach((attempt) => attempt.stop("stop", words)),
    });

    const letGo = (endpoint: string): Promise<void> =>
      pool.closeIdle((one: Endpoint) => {
        const { zone: its, exclusive } = one as ReachableEndpoint;
        return its === zone && exclusive === endpoint;
      });

    function begin(claim: Claim): void {
      const untold = (): void => isOver("untold");
      const unheard = (): void => worker.replay();
      const { reach, sealer, tools } = parts;
      const { commandRules } = store.policies;
      const own = {
        clock,
        random,
        leases,
        pool,
        reach,
        commandRules,
        sealer,
        tools,
        journal,
        lease,
        logger,
        giveUp: giveUp.signal,
        histories: () => histories,
      };
      const rests = (isResting: boolean): void => {
        if (!isResting) resting.delete(claim);
        else resting.add(claim);
        if (isResting) for (const { worker } of inZones) worker.roomier();
      };
      if (isFreeTask(claim.job)) freeTasks.add(claim);
      const attempt = startAttempt({ ...own, untold, unheard, rests }, name, claim);
      attempts.set(claim.job.id, attempt);
      if (attempt.isChange) watch.begun();
      // Claimed while the worker began to stop: handed back before anything is sent.
      if (closing()) attempt.stop("shutdown");
      void attempt.ended.then((verdict) => {
        if (verdict === "SUCCEEDED") ends.succeeded++;
        else if (verdict !== undefined && verdict !== "RETRY" && verdict !== "REQUEUE") ends.failed++;
        if (attempts.get(claim.job.id) === attempt) attempts.delete(claim.job.id);
        resting.delete(claim);
        freeTasks.delete(claim);
        for (const { worker } of inZones) worker.roomier();
      });
    }

    function lost(how: "expired" | "buried"): void {
      if (how === "expired") {
        for (const attempt of attempts.values()) attempt.stop("lease");
        return;
      }
      for (const one of inZones) one.lease.end();
      stopAll("lease");
      isOver("buried");
    }

    const worker = createZoneWorker({
      ...{ clock, lease, identity, logger, leases, begin, lost },
      claimId: () => Buffer.from(random.bytes(8)).toString("hex"),
      ...{ free, room },
      leaveFreeTasks: () => freeTasks.size >= capacity,
      figures: () => ({
        ...{ running: running(), sessions: pool.size, ...ends, loopDelayMs: parts.loopDelayMs() },
        jobs: [...attempts.values()]
          .slice(0, toldJobs)
          .map(({ holder, startMs }) => ({ id: holder.job, endpoint: holder.endpoint, startMs })),
      }),
      draining: closing,
      ...(standing ? { standing } : {}),
      control: (control) => parts.control(zone, control),
      replay: (telling) => {
        histories++;
        return replayJournals({ clock, leases, journals: parts.journals, identity, attempts }, telling);
      },
      note: async (newcomers) => {
        const timeMs = clock.now();
        await Promise.all(newcomers.map((one) => journal.write({ kind: "newcomer", timeMs, zone, ...one })));
      },
      cancel: (job) => attempts.get(job)?.stop("cancel"),
      sessions: createSessionTeller({ pool, leases, identity }),
      closeSession: createSessionCloser({ clock, pool, attempts, letGo }),
      changesStopped: () => watch.hinted(),
      letGo: (endpoint) => void letGo(endpoint),
    });
    return { identity, lease, worker, attempts };
  }

  /** Resolves when no attempt runs any more, or after `ms`. */
  async function settled(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = clock.timer(ms, resolve);
      void allEnded().then(() => {
        cancel();
        resolve();
      });
    });
  }

  async function allEnded(): Promise<void> {
    await Promise.all(inZones.flatMap(({ attempts }) => [...attempts.values()]).map(({ ended }) => ended));
  }

  function end({ drainMs, answerMs }: Leave): Promise<void> {
    drain.limit(drainMs);
    if (answerMs !== undefined) answers.limit(drainMs + answerMs);
    return (ended ??= wrapUp());
  }

  async function wrapUp(): Promise<void> {
    ending = true;
    late.abort();
    await comingLate;
    // First of all: a claim that is under way may still bring work, which then is among what settles.
    await Promise.all(inZones.map(({ worker }) => worker.stopClaiming()));
    await Promise.race([allEnded(), drain.over]);
    stopAll("shutdown");
    await settled(lastWordsMs);
    giveUp.abort();
    await allEnded();
    drain.release();
    answers.release();
    const failed = (error: unknown): void => own.warn({ err: error }, "not all of a worker was ended");
    await Promise.all(inZones.map(({ worker }) => worker.stop().catch(failed)));
    // Before the devices are anybody's: a device has few places for sessions.
    await pool.closeIdle(() => true).catch(failed);
    await journal.close().catch(failed);
    await Promise.all(inZones.map(({ identity }) => store.leases.retire(identity).catch(failed)));
  }

  /** Begins in a zone; gives why its store is away, when it is. */
  async function beginIn({ identity, worker }: LifeInZone): Promise<StoreError | undefined> {
    try {
      await store.ensureZone(identity.zone);
      await worker.start();
      return undefined;
    } catch (error) {
      if (error instanceof StoreError && error.reason === "STORE_UNAVAILABLE") return error;
      throw error;
    }
  }

  async function beginLate(one: LifeInZone): Promise<void> {
    const { zone } = one.identity;
    own.warn({ zone }, "the zone cannot be reached: the worker serves the others, and this one as soon as it can");
    for (let away: unknown = true; away;) {
      await clock.sleep(lateZoneMs, late.signal).catch(() => undefined);
      if (late.signal.aborted) return;
      away = await beginIn(one).catch((error: unknown) => {
        own.error({ err: error, zone }, "the worker could not begin in a zone; it tries on");
        return error;
      });
    }
    own.info({ zone }, "the worker serves the zone as well");
  }

  inZones.push(...parts.zones.map(inZone));
  try {
    const away: LifeInZone[] = [];
    for (const one of inZones) {
      const why = await beginIn(one);
      if (why) away.push(one);
      if (why && away.length === inZones.length) throw why;
    }
    comingLate = Promise.all(away.map(beginLate));
  } catch (error) {
    await end({ drainMs: 0 });
    throw error;
  }
  return {
    name,
    get running() {
      return running();
    },
    over,
    checkLease: (zone) => inZones.find(({ identity }) => identity.zone === zone)?.lease.check(),
    identity: (zone) => inZones.find(({ identity }) => identity.zone === zone)?.identity,
    end,
  };
}
