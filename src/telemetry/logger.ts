import { destination, type DestinationStream, type Logger, pino } from "pino";

/** Levels that can be asked for. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

export type LogLevel = (typeof logLevels)[number];

/**
 * One JSON object a line, on standard error, so that standard output stays a command's own; or on `stream`. Of an error
 * a line says no more than its kind, its words and where it was made.
 */
export function createLogger(level: LogLevel, stream: DestinationStream = destination({ fd: 2, sync: true })): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: errorFacts } },
    stream,
  );
}

/** Nothing else: a client of Redis hangs the whole call on its errors, and with it whatever was to be kept secret. */
function errorFacts(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  const { name: type, message, stack } = error;
  return { type, message, stack, ...plain("code", code), ...plain("reason", reason) };
}

function plain(name: string, value: unknown): Record<string, unknown> {
  return typeof value === "string" || typeof value === "number" ? { [name]: value } : {};
}
