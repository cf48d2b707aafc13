import type { Logger } from "pino";
import { type Config, ConfigError, settings } from "../config.js";

/**
 * SIGHUP makes a process read its settings again. The log level holds from then on; of every other setting that has
 * changed the log says that it needs a restart. Settings that are wrong change nothing, and the log says all that is
 * wrong with them. What is kept in Redis, such as API keys, limits and policies, needs no signal.
 */
export function reloadOnSignal(logger: Logger, running: Config, read: () => Config): void {
  process.on("SIGHUP", () => reload(logger, running, read));
}

/** What a signal does. `running`: the settings that the process was started with. */
export function reload(logger: Logger, running: Config, read: () => Config): void {
  let next: Config;
  try {
    next = read();
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems : [String(error)];
    logger.error({ problems }, "the settings are wrong, and the old ones hold on");
    return;
  }
  logger.level = next.logLevel;
  const names = Object.keys(settings) as (keyof typeof settings)[];
  const changed = names.filter((name) => name !== "logLevel" && !same(next[name], running[name]));
  logger.warn(
    { logLevel: next.logLevel, needRestart: changed.map((name) => settings[name].path) },
    "settings were read again",
  );
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
