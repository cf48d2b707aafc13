import type { Service } from "../domain/service.js";

/**
 * Runs services until the process is asked to end; then stops them, the last started first. A second request ends the
 * process at once.
 */
export async function runUntilSignal(services: readonly Service[]): Promise<void> {
  const asked = new Promise<void>((resolve) => {
    let requests = 0;
    const ask = (): void => {
      requests++;
      if (requests > 1) process.exit(130);
      resolve();
    };
    process.on("SIGINT", ask);
    process.on("SIGTERM", ask);
  });
  const started: Service[] = [];
  try {
    for (const service of services) {
      started.unshift(service);
      await service.start();
    }
    // Timers of ours do not hold the process; this does, until it is asked to end.
    const hold = setInterval(() => undefined, 2 ** 30);
    await asked;
    clearInterval(hold);
  } finally {
    for (const service of started) await service.stop();
  }
}
