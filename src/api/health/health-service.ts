import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type HealthService, WatchResponseSchema } from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { createDirtyFlag } from "../dirty-flag.js";
import type { HealthMonitor } from "./health-monitor.js";
import { defaultHeartbeatMs } from "../jobs/job-watch.js";

/** Says whether the service can do its work. */
export function createHealthService(parts: {
  readonly monitor: HealthMonitor;
  readonly clock: Clock;
}): ServiceImpl<typeof HealthService> {
  return {
    check: () => ({ health: parts.monitor.current() }),
    async *watch(_request, { signal }) {
      for await (const _ of changes(parts, signal)) {
        yield create(WatchResponseSchema, { health: parts.monitor.current() });
      }
    },
  };
}

/** Yields at once and at every change, until the signal aborts: then it throws the signal's reason. */
export async function* changes(
  parts: { readonly monitor: HealthMonitor; readonly clock: Clock },
  signal: AbortSignal,
): AsyncGenerator<void> {
  const news = createDirtyFlag(parts.clock);
  const unsubscribe = parts.monitor.onChange(() => news.set());
  signal.addEventListener("abort", unsubscribe, { once: true });
  try {
    for (;;) {
      yield;
      while (!(await news.wait(defaultHeartbeatMs, signal)));
    }
  } finally {
    signal.removeEventListener("abort", unsubscribe);
    unsubscribe();
  }
}
