import { setTimeout as pause } from "node:timers/promises";

/**
 * Repeats `probe` until it returns without throwing, and gives back its value; fails with the probe's own last error
 * after `timeoutMs` (default 30 s, since the machine may be busy with other work). This is how a test waits for something
 * that gives no signal of its own.
 */
export async function eventually<T>(probe: () => T | Promise<T>, timeoutMs = 30_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await pause(10);
  }
}
