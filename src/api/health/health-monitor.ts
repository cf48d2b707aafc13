import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Health, HealthSchema, HealthStatus } from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import type { ChangeStop } from "../../domain/policies.js";
import type { Store } from "../../store/store.js";
import type { CallFigures } from "../calls/call-figures.js";
import {
  apiComponent,
  type Component,
  redisComponent,
  unknown,
  workersComponent,
  zoneComponents,
} from "./health-components.js";
import { stopMessage } from "../policies/policy-view.js";

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

const everyMs = 2_000;
const answerWithinMs = 1_500;
const zoneParts = ["queues", "schedules", "zones", "holds"];

/** A monitor of the parts "api", "redis", "workers", "queues", "schedules", "zones" and "holds". */
export function createHealthMonitor(parts: {
  readonly store: Pick<Store, "ping" | "workers" | "zones" | "condition" | "policies" | "schedules">;
  readonly clock: Clock;
  readonly version: string;
  readonly calls: () => CallFigures;
}): HealthMonitor {
  const { store, clock, version } = parts;
  const startMs = clock.monotonic();
  const startTime = timestampFromMs(clock.now());
  const listeners = new Set<() => void>();
  let stopping = false;
  let looking = false;
  let cancel: (() => void) | undefined;
  let components: Component[] = [{ name: "api", status: HealthStatus.NOT_SERVING, message: "starting" }];
  let stop: ChangeStop | undefined;
  let checkMs = clock.now();

  const inTime = async <T>(asked: Promise<T>): Promise<T> => {
    let stop = (): void => undefined;
    const late = new Promise<never>((_, failed) => {
      stop = clock.timer(answerWithinMs, () => failed(new Error(`no answer within ${answerWithinMs} ms`)));
    });
    return Promise.race([asked, late]).finally(stop);
  };

  const lookAtRedis = async (): Promise<Component> => {
    // Of a cluster a part may be gone, and its zones with it: servers that left service would take the other zones along.
    const spans = inTime(store.ping()).then(
      () => true,
      () => false,
    );
    try {
      return redisComponent(await inTime(store.condition.servers()));
    } catch {
      const [status, message] = (await spans)
        ? [HealthStatus.DEGRADED, "a part of it cannot be reached: its zones stand still"]
        : [HealthStatus.NOT_SERVING, "cannot be reached or does not answer in time"];
      return { name: "redis", status, message };
    }
  };

  const lookAtWorkers = async (): Promise<Component> => {
    try {
      // By the clock that beats are timed with: ours may be ahead.
      return workersComponent(...(await inTime(Promise.all([store.workers.list(), store.schedules.now()]))));
    } catch {
      return unknown("workers");
    }
  };

  const lookAtZones = async (): Promise<Component[]> => {
    const all = async () => Promise.all([...(await store.zones()).keys()].map((zone) => store.condition.zone(zone)));
    try {
      const [zones, late] = await inTime(Promise.all([all(), store.schedules.lateness()]));
      return zoneComponents(zones, late);
    } catch {
      return zoneParts.map(unknown);
    }
  };

  const shape = (): string =>
    [...components.map(({ name, status, message }) => `${name} ${status} ${message}`), stop?.createMs].join("\n");

  const set = (next: Component[], stopped = stop): void => {
    const before = shape();
    stop = stopped;
    components = next;
    checkMs = clock.now();
    if (shape() !== before) for (const listener of listeners) listener();
  };

  const look = async (): Promise<void> => {
    const stopped = inTime(store.policies.stopped()).then(
      (seen) => () => seen,
      () => () => stop,
    );
    const [redis, workers, zones, seen] = await Promise.all([lookAtRedis(), lookAtWorkers(), lookAtZones(), stopped]);
    if (stopping) return;
    const api = apiComponent(clock.monotonic() - startMs, parts.calls());
    set([api, redis, workers, ...zones], seen());
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
        ...(stop && { changeStop: stopMessage(stop) }),
      });
    },
    onChange(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    async start() {
      if (looking || stopping) return;
      looking = true;
      await look();
    },
    stop() {
      stopping = true;
      cancel?.();
      set([{ name: "api", status: HealthStatus.NOT_SERVING, message: "stopping" }, ...components.slice(1)]);
    },
  };
}
