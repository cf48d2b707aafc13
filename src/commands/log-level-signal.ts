import type { Logger } from "pino";

/**
 * SIGUSR2 makes a process log everything from "debug" on, and the next one as the settings say by then: no restart,
 * nothing lost.
 */
export function changeLogLevelOnSignal(logger: Logger, usual: () => string): void {
  process.on("SIGUSR2", () => {
    logger.level = logger.level === "debug" ? usual() : "debug";
    logger.warn({ logLevel: logger.level }, "the log level was changed");
  });
}
