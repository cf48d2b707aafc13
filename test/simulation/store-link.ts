import type { Random } from "../../src/domain/clock.js";
import { type Hint, type Store, StoreError, type WorkerIdentity } from "../../src/store/store.js";
import { createClaimNumbers } from "../../src/store/claim-numbers.js";
import type { Inventory } from "./inventory.js";
import type { SimulatedProcess } from "./machine.js";
import type { SimulatedRedis } from "./redis.js";
import type { Timeline } from "./timeline.js";

/** A call that was not answered fails after this long, as on the real connection. */
const commandTimeoutMs = 5_000;

/** How likely it is that a call goes wrong, and how. */
export interface LinkFaults {
  /** It never arrives. */
  requestLost: number;
  /** It is carried out, and nobody hears. */
  replyLost: number;
  /** It, or its answer, is on its way for up to `slowMs`. */
  slow: number;
  slowMs: number;
}

export const noFaults: LinkFaults = { requestLost: 0, replyLost: 0, slow: 0, slowMs: 0 };

interface Parts {
  readonly timeline: Timeline;
  readonly process: SimulatedProcess;
  readonly redis: SimulatedRedis;
  readonly inventory: Inventory;
  readonly faults: () => LinkFaults;
  readonly random: Random;
}

const away = (): StoreError => new StoreError("STORE_UNAVAILABLE", "the simulated Redis does not answer");

/** The store as a simulated process sees it: the ports of the real one, with a network in between. */
export function linkStore({ timeline, process, redis, inventory, faults, random }: Parts): Store {
  const chance = (probability: number): boolean => probability > 0 && random.number() < probability;
  const latency = (): number => 0.1 + random.number();
  let lastArrival = 0;

  function call<T>(name: string, run: (store: SimulatedRedis["store"]) => Promise<T>): Promise<T> {
    const { requestLost, replyLost, slow, slowMs } = faults();
    return new Promise((resolve, reject) => {
      const cancel = process.clock.timer(commandTimeoutMs, () => reject(away()));
      const answer = (settle: () => void, ms: number): void => {
        process.deliver(ms, () => {
          cancel();
          settle();
        });
      };
      if (chance(requestLost)) return;
      const late = chance(slow);
      // What is late was sent on a connection that is given up: what is sent after it may overtake it.
      const arrival = late ? timeline.now + random.number() * slowMs : Math.max(lastArrival, timeline.now + latency());
      if (!late) lastArrival = arrival;
      const replyMs = chance(replyLost) ? undefined : chance(slow) ? random.number() * slowMs : latency();
      timeline.plan(arrival - timeline.now, () => {
        if (redis.isAway()) return answer(() => reject(away()), 1);
        redis.carryOut(name, process.name, run).then(
          (value) => replyMs !== undefined && answer(() => resolve(value), replyMs),
          (error: unknown) => replyMs !== undefined && answer(() => reject(error), replyMs),
        );
      });
    });
  }

  /** Every method of a part of the store, over the network. */
  function linked<K extends keyof SimulatedRedis["store"]>(part: K): SimulatedRedis["store"][K] {
    const methods = redis.store[part] as Record<string, (...args: unknown[]) => Promise<unknown>>;
    return Object.fromEntries(
      Object.keys(methods).map((name) => [
        name,
        (...args: unknown[]) =>
          call(`${part}.${name}`, (store) => {
            const now = store[part] as typeof methods;
            return now[name]!(...args);
          }),
      ]),
    ) as SimulatedRedis["store"][K];
  }

  const leases = linked("leases");
  const numbers = createClaimNumbers();
  const store: Partial<{ [K in keyof Store]: Partial<Store[K]> }> = {
    jobs: linked("jobs"),
    upkeep: linked("upkeep"),
    workers: linked("workers"),
    leases: {
      ...leases,
      claim: (worker, limit, requestId, leaveFreeTasks) =>
        leases.claimNumbered(worker, limit, numbers.of(worker, requestId), leaveFreeTasks),
      async onHint(worker: WorkerIdentity, hint: (message: Hint) => void) {
        return redis.onHint(worker.name, (message) => {
          if (!chance(faults().replyLost)) process.deliver(latency(), () => hint(message));
        });
      },
    },
    // Nothing is remembered of the failures in a row of simulated devices: worlds end when their work has.
    contacts: { begin: () => Promise.resolve({ counted: false }), end: () => Promise.resolve() },
    // Nobody makes rules in these worlds, but asking for them can be lost as well.
    policies: { commandRules: () => call("policies.commandRules", () => Promise.resolve([])) },
    devices: inventory.devices,
    credentials: inventory.credentials,
    zones: () => Promise.resolve(new Map([["default", 0]])),
    ensureZone: () => Promise.resolve(0),
  };
  return store as Store;
}
