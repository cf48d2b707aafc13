import type { Logger } from "pino";

/** SIGUSR2 makes a process log everything from "debug" on, and the next one as before: no restart, nothing lost. */
export function changeLogLevelOnSignal(logger: Logger): void {
  const usual = logger.level;
  process.on("SIGUSR2", () => {
    logger.level = logger.level === "debug" ? usual : "debug";
    logger.warn({ level: logger.level }, "the log level was changed");
  });
}
