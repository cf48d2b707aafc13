import type { Service } from "../domain/service.js";
import { systemClock } from "../system/clock.js";
import { createManager } from "../system/manager.js";

/**
 * Runs services until the process is asked to end, or `over` resolves; then stops them, the last started first. One that
 * cannot be started or stopped keeps none of the others from being stopped; what failed is thrown in the end. A second
 * request ends the process at once. The service manager is told when they run and when they stop.
 */
export async function runUntilSignal(services: readonly Service[], over?: Promise<void>): Promise<void> {
  const asked = new Promise<void>((resolve) => {
    let requests = 0;
    const ask = (): void => {
      requests++;
      if (requests > 1) process.exit(130);
      resolve();
    };
    process.on("SIGINT", ask);
    process.on("SIGTERM", ask);
    void over?.then(resolve);
  });
  const manager = createManager({ env: process.env, pids: [process.pid, process.ppid], clock: systemClock });
  const started: Service[] = [];
  const failures: unknown[] = [];
  try {
    for (const service of services) {
      started.unshift(service);
      await service.start();
    }
    // Timers of ours do not hold the process; this does, until it is asked to end.
    const hold = setInterval(() => undefined, 2 ** 30);
    manager.ready();
    await asked;
    clearInterval(hold);
  } catch (error) {
    failures.push(error);
  }
  manager.stopping();
  for (const service of started) await service.stop().catch((error: unknown) => failures.push(error));
  manager.release();
  if (failures.length > 1) throw new AggregateError(failures, failures.map(wordsOf).join("; "));
  if (failures.length === 1) throw failures[0];
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
