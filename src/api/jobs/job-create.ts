import { clone, create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type CommandsOperation,
  ConfigMode,
  type ConfigureOperation,
  DedupePolicy,
  Durability,
  EffectClass,
  type JobSpec,
  JobSpecSchema,
  OnReject,
  Privilege,
  RetainOutput,
  RetryPolicySchema,
  type WaitForReturn,
} from "@pointsman/sdk/v1";
import type { RuledWork } from "../../domain/command-rules.js";
import { defaultPort } from "../../domain/endpoint-key.js";
import { createJobId } from "../../domain/job-id.js";
import type { DedupePolicy as DedupePolicyName, EffectClass as EffectClassName, NewJob } from "../../domain/job.js";
import { lastTimeMs } from "../../domain/last-time.js";
import { invalidRequest, problem } from "../../errors.js";
import { defaultZone, ownEndpoint, skillOf } from "../../domain/work-place.js";
import { jobPlace } from "../../secrets/login-codec.js";
import { canonicalBytes } from "../calls/canonical-bytes.js";
import { checkCommands } from "./check-commands.js";
import { checkConfigure } from "./check-configure.js";
import { checkNodeWork } from "./check-node-work.js";
import { checkReturn } from "./check-return.js";
import { checkTask } from "./check-task.js";
import { withEarlierInput } from "./earlier-jobs.js";
import { takeSecret } from "./job-secret.js";
import type { Surroundings } from "./job-surroundings.js";
import { resolveTarget, type Target } from "./job-target.js";
import type { JobCreation, JobWish } from "./job-wish.js";
import type { PlatformCatalogue } from "../devices/platform-catalogue.js";

const second = 1_000;
const hour = 3_600 * second;
/** The line of work without a device that names no queue. */
const fifo = "fifo";
const defaults = {
  readQueueMs: 24 * hour,
  changeQueueMs: hour,
  executionMs: 300 * second,
  confirmMs: 300 * second,
  returnMs: 600 * second,
  idleMs: 30 * second,
  callMs: 30 * second,
  repeatableAttempts: 3,
  initialBackoffMs: 2 * second,
  maxBackoffMs: 60 * second,
  maxOutputBytes: 16 * 1024 * 1024,
};

/**
 * A wish as a job for the store: target resolved, effect class decided, defaults filled in, secrets sealed apart.
 * Throws DEVICE_NOT_FOUND, CREDENTIAL_NOT_FOUND, UNKNOWN_PLATFORM, NODE_NOT_FOUND, TASK_TYPE_NOT_FOUND, INVALID_REQUEST
 * (an unknown zone, an ambiguous address, what is no configuration, no check or no program, an input that does not fit
 * its task), CANNOT_RESTORE, NOT_READ_ONLY, REQUEST_ID_REQUIRED, COMMAND_DENIED and INLINE_ENDPOINTS_FORBIDDEN.
 */
export function prepareJob(parts: JobCreation, around: Surroundings, wish: JobWish): NewJob {
  const target = resolveTarget(parts, around, wish);
  const { platform = "" } = target;
  const task = checkTask(around, wish, target.zone);
  const effectClass = task?.delivery ?? effectClassOf(parts.platforms, platform, wish.spec);
  const filled = withEarlierInput(around.earlier, wish, target.endpoint);
  const { maxSessions } = around.devices.get(target.device ?? "") ?? {};
  checkConfigure(parts.platforms, { platform, maxSessions }, { ...wish, spec: filled });
  checkReturn(parts.platforms, platform, wish);
  checkCommands(parts.platforms, around.rules, { ...wish, spec: filled }, ruledWork(around, wish, target));
  checkNodeWork(wish.spec, wish.field);
  const commands = wish.spec.operation.case === "commands" ? wish.spec.operation.value : undefined;
  if (commands?.onReject === OnReject.CONTINUE && effectClass !== "READ_ONLY") {
    const field = `${wish.field}.commands.on_reject`;
    const description = "CONTINUE is for read-only work alone, and not every command is known to be read-only";
    throw problem("NOT_READ_ONLY", `${field}: ${description}`, { fields: [{ field, description }] });
  }
  if (effectClass === "AT_MOST_ONCE" && wish.requestId === "") {
    const description = "is required for work that is not known to be read-only, so that repeating the call is safe";
    throw problem("REQUEST_ID_REQUIRED", `request_id: ${description}`, {
      fields: [{ field: "request_id", description }],
    });
  }
  const id = wish.id ?? createJobId(parts.clock.now(), target.zoneNumber, parts.random);
  const spec = withDefaults(filled, effectClass);
  const replicated = isReplicated(parts, spec);
  spec.durability = replicated ? Durability.REPLICATED : Durability.LOCAL;
  const secret = takeSecret(spec);
  const skill = skillOf({ ...target, ...(task && { task: task.name }) });
  if (spec.debug && retention(spec.retainOutput).retain !== undefined) {
    const description = "keeps all that the device prints: it needs retain_output FULL";
    throw invalidRequest({ field: `${wish.field}.debug`, description });
  }
  const startAfterMs = spec.startTime && timestampMs(spec.startTime);
  const queueTimeoutMs = spec.queueTimeout ? durationMs(spec.queueTimeout) : defaults.changeQueueMs;
  if (startAfterMs !== undefined && startAfterMs + queueTimeoutMs > lastTimeMs) {
    const description = "must come before the end of the year 9999, queue_timeout included";
    throw invalidRequest({ field: `${wish.field}.start_time`, description });
  }
  return {
    id,
    zone: target.zone,
    effectClass,
    type: wish.spec.operation.case ?? "commands",
    endpoint: target.endpoint ?? ownEndpoint(id),
    address: target.address,
    ...(target.device !== undefined && { device: target.device }),
    ...(target.node !== undefined && { node: target.node }),
    ...(task && { task: task.name }),
    ...(skill !== undefined && { skill }),
    creator: wish.creator,
    priority: spec.priority,
    labels: spec.labels,
    spec: toBinary(JobSpecSchema, spec, { writeUnknownFields: false }),
    ...(secret && { sealedSecret: parts.sealer.seal(secret, jobPlace(id)) }),
    // Whether it has passed says the store's clock: by ours, if that is ahead, work would begin too soon.
    ...(startAfterMs !== undefined && { startAfterMs }),
    queueTimeoutMs,
    maxAttempts: spec.retry?.maxAttempts ?? 1,
    ...(spec.queue !== "" && { queue: spec.queue }),
    ...(spec.dedupeKey !== "" && {
      dedupe: { key: spec.dedupeKey, policy: dedupePolicies[spec.dedupePolicy] ?? "REJECT" },
    }),
    ...(spec.failIfBlocked && { failIfBlocked: true }),
    ...(replicated && { replicated }),
    ...retention(spec.retainOutput),
    ...(wish.retryOf !== undefined && { retryOf: wish.retryOf }),
    ...(wish.parent !== undefined && { parent: wish.parent }),
    ...(wish.traceParent && { traceParent: wish.traceParent }),
    ...(wish.requestId !== "" && {
      idempotency: {
        scope: wish.scope,
        requestId: wish.requestId,
        fingerprint: parts.sealer.fingerprint(canonicalBytes(JobSpecSchema, wish.spec)),
      },
    }),
  };
}

/** Whether replicas have to know of this work. */
export function isReplicated(parts: Pick<JobCreation, "replicateByDefault">, spec: JobSpec | undefined): boolean {
  const { durability = Durability.UNSPECIFIED } = spec ?? {};
  if (durability === Durability.UNSPECIFIED) return parts.replicateByDefault ?? false;
  return durability === Durability.REPLICATED;
}

function ruledWork(around: Surroundings, { creator }: JobWish, { device, platform = "", zone }: Target): RuledWork {
  const labels = around.devices.get(device ?? "")?.labels ?? {};
  return { caller: creator, platform, zone, labels, ...(device === undefined ? {} : { device }) };
}

const dedupePolicies: Readonly<Partial<Record<DedupePolicy, DedupePolicyName>>> = {
  [DedupePolicy.JOIN]: "JOIN",
  [DedupePolicy.REPLACE]: "REPLACE",
};

function retention(retain: RetainOutput): Pick<NewJob, "retain"> {
  if (retain === RetainOutput.METADATA) return { retain: "METADATA" };
  return retain === RetainOutput.NONE ? { retain: "NONE" } : {};
}

function effectClassOf(platforms: PlatformCatalogue, platform: string, spec: JobSpec): EffectClassName {
  if (spec.operation.case === "probe") return "READ_ONLY";
  if (spec.operation.case === "http") return "IDEMPOTENT";
  if (spec.operation.case === "configure") {
    const { mode } = spec.operation.value;
    return mode === ConfigMode.PLAN || mode === ConfigMode.RECONCILE ? "READ_ONLY" : "AT_MOST_ONCE";
  }
  const commands = spec.operation.case === "commands" ? spec.operation.value.commands : [];
  const isRead = commands.every(
    ({ command, answers }) => answers.length === 0 && platforms.isReadOnly(platform, command),
  );
  // What sends a device away is never done twice, whatever else it is.
  if (commands.some(({ expectDisconnect }) => expectDisconnect)) return "AT_MOST_ONCE";
  if (isRead && commands.length > 0) return "READ_ONLY";
  return spec.effectClass === EffectClass.IDEMPOTENT ? "IDEMPOTENT" : "AT_MOST_ONCE";
}

function withDefaults(asked: JobSpec, effectClass: EffectClassName): JobSpec {
  const spec = clone(JobSpecSchema, asked);
  const queueMs = effectClass === "READ_ONLY" ? defaults.readQueueMs : defaults.changeQueueMs;
  if (spec.effectClass !== EffectClass.IDEMPOTENT) spec.effectClass = EffectClass.UNSPECIFIED;
  spec.queueTimeout ??= durationFromMs(queueMs);
  if (spec.operation.case === "configure") fillConfigure(spec.operation.value);
  spec.executionTimeout ??= durationFromMs(defaults.executionMs + timerMs(spec));
  spec.maxOutputBytes ||= defaults.maxOutputBytes;
  spec.retry ??= create(RetryPolicySchema);
  spec.retry.maxAttempts ||= effectClass === "AT_MOST_ONCE" ? 1 : defaults.repeatableAttempts;
  spec.retry.initialBackoff ??= durationFromMs(defaults.initialBackoffMs);
  spec.retry.maxBackoff ??= durationFromMs(defaults.maxBackoffMs);
  if (spec.operation.case === "commands") fillCommands(spec.operation.value);
  if (spec.operation.case === "http") spec.operation.value.timeout ??= durationFromMs(defaults.callMs);
  if (spec.target.case === "endpoint") {
    spec.target.value.port ||= defaultPort;
    spec.target.value.zone ||= defaultZone;
    for (const bastion of spec.target.value.bastions) bastion.port ||= defaultPort;
  } else if (spec.target.case !== "device") {
    spec.queue ||= fifo;
  }
  return spec;
}

function fillCommands(operation: CommandsOperation): void {
  operation.onReject ||= OnReject.STOP;
  operation.privilege ||= Privilege.LOGIN;
  for (const command of operation.commands) {
    command.idleTimeout ??= durationFromMs(defaults.idleMs);
    if (command.waitForReturn) command.waitForReturn.within ??= durationFromMs(defaults.returnMs);
  }
}

function fillConfigure(operation: ConfigureOperation): void {
  operation.mode ||= ConfigMode.APPLY;
  if (operation.mode !== ConfigMode.APPLY_CONFIRMED) return;
  operation.confirmTimeout ??= durationFromMs(defaults.confirmMs);
}

function returnMs({ within }: WaitForReturn): number {
  return within ? durationMs(within) : defaults.returnMs;
}

/**
 * A device that returns is waited for, and a change that is taken back is watched until it is, so its attempt may take
 * that much longer.
 */
function timerMs({ operation }: JobSpec): number {
  if (operation.case === "commands") {
    const waits = operation.value.commands.map(({ waitForReturn }) => (waitForReturn ? returnMs(waitForReturn) : 0));
    return waits.reduce((sum, ms) => sum + ms, 0);
  }
  if (operation.case !== "configure") return 0;
  const { mode, confirmTimeout, waitForReturn } = operation.value;
  const isConfirmed = mode === ConfigMode.APPLY_CONFIRMED && confirmTimeout;
  return (isConfirmed ? durationMs(confirmTimeout) : 0) + (waitForReturn ? durationMs(waitForReturn) : 0);
}
