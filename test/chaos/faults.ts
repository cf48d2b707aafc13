import { setTimeout as pause } from "node:timers/promises";
import type { TcpProxy, Toxics } from "../support/tcp-proxy.js";
import type { Installation } from "./installation.js";
import type { Member } from "./member.js";
import type { Fault, PlannedFault } from "./plan.js";

/** Faults that strike an installation, one after the other and some at once. */
export interface Faults {
  /** How often each kind has struck. */
  readonly struck: ReadonlyMap<Fault["kind"], number>;
  /** Says what strikes when. */
  readonly log: readonly string[];
  /** Resolves when the last of the plan has struck. */
  readonly done: Promise<void>;
  /** Lets nothing more strike, and takes back what can be. Resolves when the last that was under way is over; rejects when one could not strike. */
  heal(): Promise<void>;
}

/** Devices that share the same bad way. */
const crowd = 10;
/** Workers that may be on their way back when one is killed: past that, nobody would be at work on a slow machine. */
const mostAway = 2;
/** Losses of data between which no job was accepted: past that, a slow machine would never get the zone open. */
const mostLosses = 2;

/** Lets a plan strike. `accepted` counts the jobs that were accepted so far. */
export function startFaults(at: Installation, plan: readonly PlannedFault[], accepted: () => number): Faults {
  const struck = new Map<Fault["kind"], number>();
  const log: string[] = [];
  const begun = performance.now();
  const stopping = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  const failed: unknown[] = [];
  const pick = <T>(some: readonly T[], target: number): T => some[target % some.length]!;
  const devices = (target: number): TcpProxy[] =>
    Array.from({ length: Math.min(crowd, at.deviceLinks.length) }, (_, n) => pick(at.deviceLinks, target + n));

  let lossesInARow = 0;
  let acceptedAtLoss = -1;
  /** Whether data may be lost once more. */
  function mayLose(): boolean {
    lossesInARow = accepted() === acceptedAtLoss ? lossesInARow + 1 : 1;
    acceptedAtLoss = accepted();
    return lossesInARow <= mostLosses;
  }

  function count(fault: Fault, on: string): void {
    struck.set(fault.kind, (struck.get(fault.kind) ?? 0) + 1);
    log.push(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${JSON.stringify(fault)} ${on}`);
  }

  /** The first that the fault can strike, beginning with its target. */
  function anyOf(
    some: readonly Member[],
    fault: Fault & { readonly target: number },
    strike: (one: Member) => boolean,
  ): void {
    for (let n = 0; n < some.length; n++) {
      const one = pick(some, fault.target + n);
      if (strike(one)) return count(fault, one.name);
    }
  }

  async function poison(links: readonly TcpProxy[], toxics: Toxics, forMs: number): Promise<void> {
    for (const link of links) link.set(toxics);
    await pause(forMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    for (const link of links) link.set({});
  }

  async function strike(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case "kill-worker":
        if (at.workers.filter(({ isReady }) => !isReady).length >= mostAway) return;
        return anyOf(at.workers, fault, (one) => one.kill());
      case "kill-server":
        return anyOf(at.servers, fault, (one) => one.kill());
      case "jump-worker-clock":
        return anyOf(at.workers, fault, (one) => one.signal("SIGUSR2"));
      case "jump-server-clock":
        return anyOf(at.servers, fault, (one) => one.signal("SIGUSR2"));
      case "stop-worker":
      case "stop-server": {
        const one = pick(fault.kind === "stop-worker" ? at.workers : at.servers, fault.target);
        count(fault, one.name);
        return void (await one.freeze(fault.forMs, stopping.signal));
      }
      case "roll-back":
        if (!mayLose()) return;
        await at.redis.rollBack(fault.ageMs);
        return count(fault, "");
      case "promote":
        if (!mayLose()) return;
        await at.redis.promote(fault.ageMs);
        return count(fault, "");
      case "restart-redis":
        await at.redis.restart();
        return count(fault, "");
      case "fill-memory":
        count(fault, "");
        return at.redis.fill(fault.forMs);
      case "worker-redis":
      case "server-redis": {
        const one = pick(fault.kind === "worker-redis" ? at.workers : at.servers, fault.target);
        count(fault, one.name);
        return poison([one.redis], fault.toxics, fault.forMs);
      }
      case "worker-device":
        count(fault, `r${fault.target % at.deviceLinks.length} and on`);
        return poison(devices(fault.target), fault.toxics, fault.forMs);
      case "cut-worker-redis":
      case "cut-server-redis": {
        const one = pick(fault.kind === "cut-worker-redis" ? at.workers : at.servers, fault.target);
        one.redis.cut();
        return count(fault, one.name);
      }
      case "cut-worker-device":
        for (const link of devices(fault.target)) link.cut();
        return count(fault, `r${fault.target % at.deviceLinks.length} and on`);
    }
  }

  async function follow(): Promise<void> {
    for (const { atMs, fault } of plan) {
      const early = atMs - (performance.now() - begun);
      if (early > 0) await pause(early, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      const striking = strike(fault)
        .catch((error: unknown) => failed.push(error))
        .finally(() => underWay.delete(striking));
      underWay.add(striking);
    }
  }

  const done = follow();
  return {
    ...{ struck, log, done },
    async heal() {
      stopping.abort();
      await done;
      await Promise.all(underWay);
      if (failed.length > 0) throw new AggregateError(failed, "not every fault could strike");
      for (const link of [...at.deviceLinks, ...[...at.workers, ...at.servers].map(({ redis }) => redis)]) link.set({});
    },
  };
}
