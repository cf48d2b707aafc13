import { create } from "@bufbuild/protobuf";
import type { JobSpecInit } from "./job-spec-init.js";
import { type IdentityInput, type JobTarget, target } from "./job-target.js";
import { type JobWork, operation } from "./job-work.js";
import { optionalDuration, timestampFromDate } from "./time.js";
import { DedupePolicy, Durability, EffectClass, JobSpecSchema, RetainOutput, type JobSpec } from "./v1.js";

/** A job, in the words of this SDK. The form of the contract, `JobSpec`, is taken in its place everywhere. */
export type JobInput = JobTarget & JobWork & JobConditions;

/** When, how long and under which names. */
export interface JobConditions {
  /** Declares that repeating the work does no harm. */
  readonly idempotent?: boolean | undefined;
  /** -100 to 100, higher first: each point counts as a minute of waiting. Default 0. */
  readonly priority?: number | undefined;
  /** Not before this time. Default: at once. */
  readonly startTime?: Date | undefined;
  /** Ends EXPIRED when it has not started within this many milliseconds. Default 24 h for reads, 1 h for other work. */
  readonly queueTimeoutMs?: number | undefined;
  /** Milliseconds that one attempt may take. Default 5 min. */
  readonly executionTimeoutMs?: number | undefined;
  /** How work that may be repeated is retried by the service. */
  readonly retry?:
    | {
        readonly maxAttempts?: number | undefined;
        readonly initialBackoffMs?: number | undefined;
        readonly maxBackoffMs?: number | undefined;
      }
    | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Output kept, in bytes. Default and most: 16 MiB. */
  readonly maxOutputBytes?: number | undefined;
  /** Name of a credential to log in with in place of those of the inventory's device. */
  readonly credential?: string | undefined;
  /**
   * Commands of the platform's own list of denied ones that may be sent all the same, as they are written there
   * (`devices.platforms()`), such as "reload". For admins alone.
   */
  readonly liftedCommands?: readonly string[] | undefined;
  /** Who the device must say it is, in place of what the inventory says; asked before the first line, also of a read. */
  readonly expect?: IdentityInput | undefined;
  /** Keeps a bounded transcript for `pointsman replay`. */
  readonly debug?: boolean | undefined;
  /** A named queue: a label with pause, limit and counts. The job still waits in its device's line. Default: none. */
  readonly queue?: string | undefined;
  /**
   * While a job with this key is live in the zone, this one is refused with DUPLICATE_JOB ("reject", the default), the
   * caller gets the live one in its place ("join"), or the live one is cancelled unless it has started ("replace").
   */
  readonly dedupe?: { readonly key: string; readonly policy?: "reject" | "join" | "replace" | undefined } | undefined;
  /** Ends FAILED at once when a lock, a hold, a pause or a limit keeps it from starting. Default: it waits. */
  readonly failIfBlocked?: boolean | undefined;
  /** What is kept of the output when it has ended: all, how each command ended, or nothing. Default "full". */
  readonly retainOutput?: "full" | "metadata" | "none" | undefined;
  /**
   * What has to know of it before the call is answered, and before its first changing byte is sent: the primary of Redis
   * ("local"), or replicas too ("replicated"; NOT_REPLICATED when they do not say so in time). Default: as the
   * installation is set.
   */
  readonly durability?: "local" | "replicated" | undefined;
  /** Milliseconds after which a warning is written into the history of an attempt that still runs. Default: none. */
  readonly warnAfterMs?: number | undefined;
}

/** Brings either form of a job into the contract's. */
export function jobSpec(input: JobInput | JobSpecInit): JobSpec {
  return isJobInput(input) ? fromInput(input) : create(JobSpecSchema, input);
}

function isJobInput(input: JobInput | JobSpecInit): input is JobInput {
  return !("operation" in input);
}

function fromInput(input: JobInput): JobSpec {
  const spec = workSpec(input);
  spec.target = create(JobSpecSchema, { target: target(input) }).target;
  spec.zone = input.zone ?? "";
  return spec;
}

/** A job without its target. */
export function workSpec(input: JobWork & JobConditions): JobSpec {
  const retry = input.retry;
  return create(JobSpecSchema, {
    operation: operation(input),
    ...(input.idempotent ? { effectClass: EffectClass.IDEMPOTENT } : {}),
    priority: input.priority ?? 0,
    ...(input.startTime ? { startTime: timestampFromDate(input.startTime) } : {}),
    ...optionalDuration("queueTimeout", input.queueTimeoutMs),
    ...optionalDuration("executionTimeout", input.executionTimeoutMs),
    ...(retry
      ? {
          retry: {
            maxAttempts: retry.maxAttempts ?? 0,
            ...optionalDuration("initialBackoff", retry.initialBackoffMs),
            ...optionalDuration("maxBackoff", retry.maxBackoffMs),
          },
        }
      : {}),
    labels: { ...input.labels },
    maxOutputBytes: input.maxOutputBytes ?? 0,
    debug: input.debug ?? false,
    queue: input.queue ?? "",
    dedupeKey: input.dedupe?.key ?? "",
    dedupePolicy: input.dedupe?.policy ? policies[input.dedupe.policy] : DedupePolicy.UNSPECIFIED,
    failIfBlocked: input.failIfBlocked ?? false,
    retainOutput: input.retainOutput ? retained[input.retainOutput] : RetainOutput.UNSPECIFIED,
    ...optionalDuration("warnAfter", input.warnAfterMs),
    durability: input.durability ? durabilities[input.durability] : Durability.UNSPECIFIED,
    credential: input.credential ?? "",
    liftedCommands: [...(input.liftedCommands ?? [])],
    ...(input.expect && { expect: { hostName: input.expect.hostName ?? "", serial: input.expect.serial ?? "" } }),
  });
}

const policies = {
  reject: DedupePolicy.REJECT,
  join: DedupePolicy.JOIN,
  replace: DedupePolicy.REPLACE,
} as const;

const durabilities = {
  local: Durability.LOCAL,
  replicated: Durability.REPLICATED,
} as const;

const retained = {
  full: RetainOutput.FULL,
  metadata: RetainOutput.METADATA,
  none: RetainOutput.NONE,
} as const;
