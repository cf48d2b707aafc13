import type { Hint } from "../../src/store/store.js";
import { createModelStore, type ModelStore } from "../store/model/model-store.js";
import { copyOf, goBack, type ZoneCopy } from "../store/model/zone.js";
import { epochMs } from "./machine.js";
import type { Timeline } from "./timeline.js";

/** The one Redis of a simulated world: the model of the queue behind the store's ports. */
export interface SimulatedRedis {
  readonly store: ModelStore;
  isAway(): boolean;
  /** Does not answer anybody for `ms` milliseconds. */
  goAway(ms: number): void;
  /** Carries a call out at once. What it resolves or rejects with is the answer. */
  carryOut<T>(name: string, by: string, run: (store: ModelStore) => Promise<T>): Promise<T>;
  /** Keeps a copy as it is now. What is done with it tells it apart from what it is now: it is another history. */
  copy(): Comeback;
  /** Registers for a worker's hints; the function given back ends that. */
  onHint(worker: string, listener: (hint: Hint) => void): () => Promise<void>;
}

/** Lets the Redis be what it was when a copy was kept. */
export interface Comeback {
  /** Whether the zone had not been opened for the first time: nothing in it says that it is not a new one. */
  readonly isNew: boolean;
  /** Another process with the old data: a restart from an older log, or the promotion of a replica that lagged. */
  asAnother(): void;
  /** The same process, which had followed a stale primary for a while. */
  asItself(): void;
}

/** Told of every call that was carried out, with what it answered. */
export type CallObserver = (call: { readonly name: string; readonly by: string; readonly answer: unknown }) => void;

export function createSimulatedRedis(timeline: Timeline, observe: CallObserver): SimulatedRedis {
  let microseconds = 0;
  // No two commands share a microsecond.
  const moment = (): number => {
    microseconds = Math.max(microseconds + 1, Math.floor(timeline.now * 1_000));
    return epochMs + microseconds / 1_000;
  };
  const listeners = new Map<string, Set<(hint: Hint) => void>>();
  let processes = 1;
  let histories = 1;
  const store = createModelStore(moment, undefined, () => `process ${processes}, history ${histories}`);
  let awayUntil = 0;

  function comeBack(copy: ZoneCopy, another: boolean): void {
    goBack(store.zone, copy);
    histories += 1;
    if (another) processes += 1;
  }

  const tell = (worker: string, hint: Hint): void => {
    for (const listener of listeners.get(worker) ?? []) listener(hint);
  };

  /** Hints may always come, and may always be lost; so it does no harm that these are not exactly those of the scripts. */
  function hint(name: string, owners: ReadonlyMap<string, string>): void {
    const { zone } = store;
    for (const [endpoint, owner] of owners) {
      if (zone.devices.get(endpoint)?.owner !== owner) tell(owner, { kind: "release", endpoint });
    }
    if (name === "jobs.cancel") {
      for (const job of zone.jobs.values()) {
        if (job.state === "CANCELLING" && job.worker !== undefined) {
          tell(job.worker, { kind: "cancel", job: job.id });
        }
      }
    }
    if (name === "leases.intent" && zone.gate.newcomers.size > 0) {
      for (const witness of zone.gate.witnesses) tell(witness, { kind: "control" });
    }
    if (
      ["jobs.create", "jobs.resolve", "upkeep.reap", "leases.finish", "leases.retire", "upkeep.reconcile"].includes(
        name,
      )
    ) {
      for (const worker of listeners.keys()) tell(worker, { kind: "work" });
    }
  }

  return {
    store,
    isAway: () => timeline.now < awayUntil,
    goAway: (ms) => void (awayUntil = Math.max(awayUntil, timeline.now + ms)),
    copy() {
      const copy = copyOf(store.zone);
      return {
        isNew: store.zone.gate.id === undefined,
        asAnother: () => comeBack(copy, true),
        asItself: () => comeBack(copy, false),
      };
    },
    carryOut(name, by, run) {
      const owners = new Map<string, string>();
      for (const { endpoint, owner } of store.zone.devices.values()) if (owner) owners.set(endpoint, owner);
      const answer = run(store);
      hint(name, owners);
      answer.then(
        (value) => observe({ name, by, answer: value }),
        (error: unknown) => observe({ name, by, answer: error }),
      );
      return answer;
    },
    onHint(worker, listener) {
      const some = listeners.get(worker) ?? new Set();
      listeners.set(worker, some.add(listener));
      return () => {
        some.delete(listener);
        if (some.size === 0) listeners.delete(worker);
        return Promise.resolve();
      };
    },
  };
}
