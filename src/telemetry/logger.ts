import { destination, type Logger, pino } from "pino";

/** Levels that can be asked for. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** One JSON object a line, on standard error, so that standard output stays a command's own. */
export function createLogger(level: (typeof logLevels)[number]): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination({ fd: 2, sync: true }));
}
