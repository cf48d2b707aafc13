import type { Command } from "commander";
import type { JobConditions } from "@pointsman/sdk";
import { collect, collectPairs, oneOf, parseDuration, parseInteger, UsageError } from "../terminal/parse.js";

/** The options that say when, how long and under which names a job runs. */
export interface ConditionOptions {
  readonly priority?: number;
  readonly timeout?: number;
  readonly queueTimeout?: number;
  readonly warnAfter?: number;
  readonly queue?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly dedupeKey?: string;
  readonly dedupePolicy?: "reject" | "join" | "replace";
  readonly failIfBlocked?: boolean;
  readonly retainOutput?: "full" | "metadata" | "none";
  readonly durability?: "local" | "replicated";
  readonly idempotent?: boolean;
  readonly debug?: boolean;
  readonly credential?: string;
  readonly lift?: readonly string[];
  readonly expectHostName?: string;
  readonly expectSerial?: string;
}

/** Stands for the device's name in a dedupe key. */
const placeholder = "{device}";

/** Gives a command those options. */
export function withConditions(command: Command): Command {
  return command
    .option("--priority <number>", "-100 to 100, higher first", parseInteger("--priority", -100, 100))
    .option("--timeout <duration>", "how long one attempt may take, such as 90s", parseDuration)
    .option("--queue-timeout <duration>", "how long a job may wait, such as 10m", parseDuration)
    .option("--warn-after <duration>", "write a warning when an attempt takes longer, such as 2m", parseDuration)
    .option("--queue <name>", "a named queue: a label with pause, limit and counts")
    .option("--label <key=value>", "label of the jobs; may be repeated", collectPairs("--label"))
    .option(
      "--dedupe-key <key>",
      `while a job with this key is live, another is treated by the policy; ${placeholder} stands for the device`,
    )
    .option(
      "--dedupe-policy <policy>",
      "reject the new job (default), join the live one, or replace it unless it has started",
      oneOf("--dedupe-policy", ["reject", "join", "replace"]),
    )
    .option("--fail-if-blocked", "fail at once where a lock, a hold, a pause or a limit would make it wait")
    .option(
      "--retain-output <what>",
      "kept of the output at the end: full (default), metadata or none",
      oneOf("--retain-output", ["full", "metadata", "none"]),
    )
    .option(
      "--durability <what>",
      "what has to know of it before it is accepted and before a change is sent: local (Redis) or replicated (also replicas)",
      oneOf("--durability", ["local", "replicated"]),
    )
    .option("--credential <name>", "log in with this stored credential in place of the device's")
    .option(
      "--lift <command>",
      "send this command of the platform's denied ones, such as reload; for admins; may be repeated",
      collect,
    )
    .option(
      "--expect-host-name <name>",
      "the name the device must say before the first line (default: as the inventory says)",
    )
    .option("--expect-serial <number>", "the serial number the device must tell before that")
    .option("--idempotent", "declare that repeating the commands does no harm")
    .option("--debug", "keep a transcript for `pointsman replay`");
}

/** The conditions of the job for each target. Throws a UsageError where one key would make twins of all of them. */
export function conditionsOf(options: ConditionOptions, targets: readonly string[]): JobConditions[] {
  const { dedupeKey: key, dedupePolicy: policy } = options;
  if (key === undefined && policy !== undefined) throw new UsageError("--dedupe-policy needs --dedupe-key");
  if (key !== undefined && targets.length > 1 && !key.includes(placeholder)) {
    throw new UsageError(`one --dedupe-key for several devices: write ${placeholder} into it, for the device's name`);
  }
  return targets.map((target) => ({
    idempotent: options.idempotent,
    priority: options.priority,
    executionTimeoutMs: options.timeout,
    queueTimeoutMs: options.queueTimeout,
    warnAfterMs: options.warnAfter,
    queue: options.queue,
    labels: options.label,
    failIfBlocked: options.failIfBlocked,
    retainOutput: options.retainOutput,
    durability: options.durability,
    debug: options.debug,
    credential: options.credential,
    liftedCommands: options.lift,
    ...(options.expectHostName === undefined && options.expectSerial === undefined
      ? {}
      : { expect: { hostName: options.expectHostName, serial: options.expectSerial } }),
    ...(key === undefined ? {} : { dedupe: { key: key.replaceAll(placeholder, target), policy } }),
  }));
}
