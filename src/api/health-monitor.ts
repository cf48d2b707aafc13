import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Health, HealthSchema, HealthStatus } from "@pointsman/sdk/v1";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HealthComponentSchema } from "@pointsman/sdk/v1";
import type { Clock } from "../domain/clock.js";
import type { Store } from "../store/store.js";

/** Looks at the parts of the service all the time, so that asking costs nothing and never hangs. */
export interface HealthMonitor {
  /** The state as last seen. */
  current(): Health;
  /** Calls back when the state of any part changes. Returns how to stop. */
  onChange(changed: () => void): () => void;
  /** Looks for the first time and goes on looking. Resolves when the first look is done. */
  start(): Promise<void>;
  /** Says NOT_SERVING from now on, and stops looking. */
  stop(): void;
}

type Component = MessageInitShape<typeof HealthComponentSchema>;

const everyMs = 2_000;
const answerWithinMs = 1_500;

/** A monitor of the parts "api", "redis" and "workers". */
export function createHealthMonitor(parts: {
  readonly store: Pick<Store, "ping" | "workers">;
  readonly clock: Clock;
  readonly version: string;
}): HealthMonitor {
  const { store, clock, version } = parts;
  const startTime = timestampFromMs(clock.now());
  const listeners = new Set<() => void>();
  let stopping = false;
  let cancel: (() => void) | undefined;
  let components: Component[] = [{ name: "api", status: HealthStatus.NOT_SERVING, message: "starting" }];
  let checkMs = clock.now();

  const inTime = async <T>(asked: Promise<T>): Promise<T> => {
    let stop = (): void => undefined;
    const late = new Promise<never>((_, failed) => {
      stop = clock.timer(answerWithinMs, () => failed(new Error(`no answer within ${answerWithinMs} ms`)));
    });
    return Promise.race([asked, late]).finally(stop);
  };

  const lookAtRedis = async (): Promise<Component> => {
    try {
      const ms = await inTime(store.ping());
      return { name: "redis", status: HealthStatus.SERVING, latency: durationFromMs(Math.max(0, Math.round(ms))) };
    } catch {
      return {
        name: "redis",
        status: HealthStatus.NOT_SERVING,
        message: "cannot be reached or does not answer in time",
      };
    }
  };

  const lookAtWorkers = async (): Promise<Component> => {
    try {
      const states = new Map<string, string>();
      for (const { name, state } of await inTime(store.workers.list())) {
        if (states.get(name) !== "alive") states.set(name, state);
      }
      const count = (state: string): number => [...states.values()].filter((one) => one === state).length;
      const alive = count("alive");
      const figures = { alive: BigInt(alive), draining: BigInt(count("draining")), dead: BigInt(count("dead")) };
      return alive > 0
        ? { name: "workers", status: HealthStatus.SERVING, figures }
        : { name: "workers", status: HealthStatus.DEGRADED, message: "no worker is alive: jobs wait", figures };
    } catch {
      return { name: "workers", status: HealthStatus.DEGRADED, message: "not known: the store does not answer" };
    }
  };

  const shape = (): string => components.map(({ name, status, message }) => `${name} ${status} ${message}`).join("\n");

  const set = (next: Component[]): void => {
    const before = shape();
    components = next;
    checkMs = clock.now();
    if (shape() !== before) for (const listener of listeners) listener();
  };

  const look = async (): Promise<void> => {
    const [redis, workers] = await Promise.all([lookAtRedis(), lookAtWorkers()]);
    if (stopping) return;
    set([{ name: "api", status: HealthStatus.SERVING }, redis, workers]);
    cancel = clock.timer(everyMs, () => void look());
  };

  return {
    current() {
      const statuses = components.map((component) => component.status ?? HealthStatus.UNSPECIFIED);
      return create(HealthSchema, {
        status: Math.max(...statuses) as HealthStatus,
        components,
        version,
        startTime,
        checkTime: timestampFromMs(checkMs),
      });
    },
    onChange(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    start: look,
    stop() {
      stopping = true;
      cancel?.();
      set([{ name: "api", status: HealthStatus.NOT_SERVING, message: "stopping" }, ...components.slice(1)]);
    },
  };
}
