import type { Logger } from "pino";
import { type Config, ConfigError } from "../config.js";
import type { LiveConfig } from "./live-config.js";

/**
 * Makes ready what new settings ask for, such as a certificate that has to be read, and gives what then puts it in force.
 * Rejects with ConfigError when that cannot be had.
 */
export type PrepareReload = (next: Config) => Promise<() => void>;

/** What a process reads its settings again with. */
export interface Reload {
  readonly logger: Logger;
  readonly live: LiveConfig;
  readonly read: () => Config;
  /** Asked each time; those of a server that has begun. */
  readonly prepare: readonly PrepareReload[];
}

/**
 * SIGHUP makes a process read its settings again. What can change in a running process holds from then on; of every other
 * setting that has changed the log says that it needs a restart. Settings that are wrong change nothing, and the log says
 * all that is wrong with them. What is kept in Redis, such as API keys, limits and policies, needs no signal.
 */
export function reloadOnSignal(parts: Reload): void {
  // One after the other: a certificate that is read late must not win over one that was read after it.
  let last = Promise.resolve();
  process.on("SIGHUP", () => {
    last = last.then(() => reload(parts));
  });
}

/** What a signal does. */
export async function reload({ logger, live, read, prepare }: Reload): Promise<void> {
  try {
    const next = read();
    const prepared = await Promise.allSettled(prepare.map((one) => one(next)));
    const failures = prepared.flatMap((one) => (one.status === "rejected" ? problemsOf(one.reason) : []));
    if (failures.length > 0) throw new ConfigError(failures);
    for (const one of prepared) if (one.status === "fulfilled") one.value();
    const needRestart = live.take(next);
    logger.level = next.logLevel;
    logger.warn({ logLevel: next.logLevel, needRestart }, "settings were read again");
  } catch (error) {
    logger.error({ problems: problemsOf(error) }, "the settings are wrong, and the old ones hold on");
  }
}

function problemsOf(error: unknown): readonly string[] {
  return error instanceof ConfigError ? error.problems : [String(error)];
}
