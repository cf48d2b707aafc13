import type { Logger } from "pino";
import type { Clock } from "../domain/clock.js";
import { createLoop, type Service } from "../domain/service.js";
import type { WorkerControl } from "../domain/worker-control.js";
import type { BeatFigures, Claim, LeaseStore, Newcomer, SessionEnd, Telling, WorkerIdentity } from "../store/store.js";
import { StoreError } from "../store/store.js";
import { createBell } from "./bell.js";
import { UnreadableJournalError } from "./journals.js";
import { instantOf, type Lease } from "./lease.js";
import type { Room } from "./room.js";
import type { SessionTeller } from "./session-news.js";

/** A lease is renewed this often. */
const beatMs = 3_000;
/** Work is looked for at least this often, in case a hint was lost. */
const pollMs = 1_000;
/** Jobs taken in one claim at most: what is taken waits for nobody else. */
const claimBatch = 32;
const storeRetryMs = 250;

/** What a worker does for one zone: keep its lease there, and take its work. */
export interface ZoneWorkerParts {
  readonly clock: Clock;
  readonly leases: LeaseStore;
  readonly lease: Lease;
  readonly identity: WorkerIdentity;
  readonly logger: Logger;
  /** Makes the names of claims, so that one whose answer was lost is answered again. */
  readonly claimId: () => string;
  /** How many more jobs may run now. */
  readonly free: () => number;
  /** It has as many tasks without a device as it may, and takes no more of them; they may wait for what it does take. */
  readonly leaveFreeTasks: () => boolean;
  /** Where places are kept for claims under way, with those of other zones. */
  readonly room: Room;
  readonly figures: () => Omit<BeatFigures, "closing" | "draining" | "claimAgeMs" | "untold">;
  readonly draining: () => boolean;
  /** What stands from before, for one that goes on under another name. */
  readonly standing?: WorkerControl;
  /** Told with each beat what somebody wants of this worker; undefined: nothing but work. */
  readonly control: (control: WorkerControl | undefined) => void;
  /** Tells the store what journals know. */
  readonly replay: (telling: Telling) => Promise<void>;
  /** Writes newcomers into the journal, so that they are remembered where the store is not. */
  readonly note: (newcomers: readonly Newcomer[]) => Promise<void>;
  readonly begin: (claim: Claim) => void;
  readonly cancel: (job: string) => void;
  /** Closes a session, and answers whether it is gone. Asked again with each beat until the store knows that it is. */
  readonly closeSession: (end: SessionEnd) => Promise<boolean>;
  readonly sessions: SessionTeller;
  readonly changesStopped: () => void;
  readonly letGo: (endpoint: string) => void;
  /** The lease in this zone is over, or this worker was buried there: attempts must stop at once. */
  readonly lost: (how: "expired" | "buried") => void;
}

/** Services of a worker in one zone, and a way to say that there may be room or work. */
export interface ZoneWorker extends Service {
  /** There is more room: an attempt ended, or rests. Looks for work soon, unless the store says when there is some. */
  roomier(): void;
  /** Tells the store soon what the journals know. */
  replay(): void;
  /** Resolves when no work is taken any more; the lease is kept. */
  stopClaiming(): Promise<void>;
}

export function createZoneWorker(parts: ZoneWorkerParts): ZoneWorker {
  const { clock, leases, lease, identity, logger } = parts;
  const work = createBell(clock);
  const beats = createBell(clock);
  /** Somebody wants it to take nothing new. */
  let held = parts.standing !== undefined;
  /** When it last looked for work and was answered, or had no room. */
  let lookedAt = clock.monotonic();
  /** The last claim found too little: the store has this worker listed as idle, and hints when there is more. */
  let listed = false;
  let buried = false;
  /** Newcomers are being written down. Those that come meanwhile are told again. */
  let noting = false;
  let unsubscribe: (() => Promise<void>) | undefined;
  /** What the store is to be told of the journals; what it was asked for last, and when that was last done. */
  let toTell: Telling | undefined;
  let asked: Telling | undefined;
  let replayedAt = -Infinity;
  /** Why the journals could not be told, when that was tried last. */
  let untold = "";

  function dead(): void {
    buried = true;
    parts.lost("buried");
  }

  async function beat(): Promise<void> {
    const sent = instantOf(clock);
    const draining = parts.draining();
    const closing = draining || held || parts.free() === 0;
    if (closing) listed = false;
    const claimAgeMs = closing ? 0 : sent.monotonic - lookedAt;
    const answer = await leases.beat(identity, { ...parts.figures(), closing, draining, claimAgeMs, untold });
    if (answer.answer === "DEAD") return dead();
    lease.renewed(sent);
    const wasHeld = held;
    held = answer.control !== undefined;
    if (wasHeld && !held) work.ring();
    parts.control(answer.control);
    for (const job of answer.cancels) parts.cancel(job);
    for (const end of answer.closes ?? []) void close(end);
    if (answer.newcomers && !noting) void note(answer.newcomers);
    if (answer.toTell && sent.monotonic >= replayedAt) {
      toTell = answer.toTell;
      parts.sessions.forget();
      work.ring();
    }
    await parts.sessions.tell();
  }

  async function note(newcomers: readonly Newcomer[]): Promise<void> {
    noting = true;
    try {
      await parts.note(newcomers);
      await leases.noted(
        identity,
        newcomers.map(({ name }) => name),
      );
    } catch (error) {
      logger.warn({ err: error }, "newcomers could not be written down");
    } finally {
      noting = false;
    }
  }

  async function close(end: SessionEnd): Promise<void> {
    if (!(await parts.closeSession(end))) return;
    parts.sessions.gone(end.number);
    beats.ring();
  }

  const beating = createLoop(
    async (signal) => {
      while (!signal.aborted && !buried) {
        await beat().catch((error: unknown) => {
          if (error instanceof StoreError) logger.warn("no beat: %s", error.message);
          else logger.error({ err: error }, "a beat failed");
        });
        if (!buried && lease.remainingMs() <= 0) parts.lost("expired");
        await beats.wait(beatMs, signal);
      }
    },
    (error) => logger.error({ err: error }, "the beat of the lease stopped"),
  );

  /**
   * Nothing is claimed before the store knows what the journals know, nor while it is told. Each time it is told what it
   * asked for last: meanwhile it may have come back with another history.
   */
  async function replay(signal: AbortSignal): Promise<void> {
    while (toTell && !signal.aborted && !buried) {
      try {
        asked = toTell;
        await parts.replay(asked);
        if (toTell.history === asked.history) toTell = undefined;
        replayedAt = clock.monotonic();
        untold = "";
      } catch (error) {
        if (error instanceof UnreadableJournalError) {
          // It is tried again at once, and again: one line is enough for one file.
          if (untold !== error.message) logger.error("the zone takes no changes: %s", error.message);
          untold = error.message;
        } else if (!(error instanceof StoreError)) {
          logger.error({ err: error }, "the journals could not be told");
        }
        await clock.sleep(storeRetryMs, signal).catch(() => undefined);
      }
    }
  }

  /** Takes what there is. A claim is asked for under one name until its answer has come: it may have been carried out. */
  async function take(signal: AbortSignal): Promise<number> {
    if (parts.draining() || held || lease.remainingMs() <= 0) {
      lookedAt = clock.monotonic();
      return 0;
    }
    const places = parts.room.keep(claimBatch, () => work.ring());
    const room = places.count;
    if (room === 0) {
      lookedAt = clock.monotonic();
      return 0;
    }
    const request = parts.claimId();
    const leaves = parts.leaveFreeTasks();
    while (!signal.aborted) {
      try {
        const sent = clock.monotonic();
        const { answer, claims, toTell: told } = await leases.claim(identity, room, request, leaves);
        lookedAt = clock.monotonic();
        for (const claim of claims) parts.begin(claim);
        places.release();
        if (answer === "DEAD") dead();
        if (told && sent >= replayedAt) toTell = told;
        // Of what it left it is not told when it may take it.
        listed = answer === "OK" && claims.length < room && !leaves;
        return claims.length === room || answer === "MORE" ? room : 0;
      } catch (error) {
        if (!(error instanceof StoreError)) logger.error({ err: error }, "a claim failed");
        // It may have been carried out; but a zone whose store is away must not keep the others from working.
        places.release();
        await clock.sleep(storeRetryMs, signal).catch(() => undefined);
      }
    }
    return 0;
  }

  const claiming = createLoop(
    async (signal) => {
      while (!signal.aborted) {
        work.silence();
        if (toTell) await replay(signal);
        if ((await take(signal)) === 0 && !toTell) await work.wait(pollMs, signal);
      }
    },
    (error) => logger.error({ err: error }, "claiming stopped"),
  );

  return {
    roomier() {
      if (!listed) work.ring();
    },
    replay() {
      toTell ??= asked && { ...asked, sinceMs: clock.now() };
      work.ring();
    },
    async stopClaiming() {
      // Devices that have work are handed on with a beat, and that is not to wait.
      beats.ring();
      await claiming.stop();
    },
    async start() {
      const sent = instantOf(clock);
      ({ toTell } = await leases.register(identity, parts.standing));
      lease.renewed(sent);
      unsubscribe = await leases.onHint(identity, (hint) => {
        if (hint.kind === "work") {
          listed = false;
          work.ring();
        } else if (hint.kind === "control") beats.ring();
        else if (hint.kind === "cancel") parts.cancel(hint.job);
        else if (hint.kind === "stop") parts.changesStopped();
        else parts.letGo(hint.endpoint);
      });
      await beating.start();
      await claiming.start();
    },
    async stop() {
      await claiming.stop();
      await beating.stop();
      await unsubscribe?.();
    },
  };
}
