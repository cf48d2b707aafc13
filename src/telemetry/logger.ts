import { destination, type DestinationStream, type Logger, pino } from "pino";

/** Levels that can be asked for. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

export type LogLevel = (typeof logLevels)[number];

/** Names under which secrets are kept anywhere in the service: whatever stands there is never printed. */
const secretNames: ReadonlySet<string> = new Set([
  ...["password", "passphrase", "privateKey", "enableSecret", "secret", "sealed", "sealingKey", "apiKey", "token"],
  ...["authorization", "x-api-key", "cookie"],
]);
const secretDepth = 4;

/** The same without its secrets. Pino's own redaction by paths would cost thirty times as much as the rest of a line. */
function withoutSecrets(facts: Record<string, unknown>, depth = secretDepth): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(facts)) {
    const kept = secretNames.has(name)
      ? "[secret]"
      : depth > 0 && isPlain(value)
        ? withoutSecrets(value, depth - 1)
        : value;
    if (kept === value) continue;
    copy ??= { ...facts };
    copy[name] = kept;
  }
  return copy ?? facts;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** What waits for a reader of the log who is behind, in bytes; lines beyond it are dropped. */
const mostBehind = 16 * 1024 * 1024;

/**
 * One JSON object a line, on standard error, so that standard output stays a command's own; or on `stream`. Of an error
 * a line says no more than its kind, its words and where it was made; what is kept under the name of a secret is not printed.
 * A reader who is slow keeps nobody waiting; what is left is written when the process exits.
 */
export function createLogger(
  level: LogLevel,
  stream: DestinationStream = destination({ fd: 2, sync: false, maxLength: mostBehind }),
): Logger {
  return pino(
    {
      formatters: { log: (facts) => withoutSecrets(facts) },
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // Also of what a child logger says in each line.
      serializers: { ...Object.fromEntries([...secretNames].map((name) => [name, () => "[secret]"])), err: errorFacts },
    },
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
