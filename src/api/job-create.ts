import { clone, create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type CommandsOperation,
  ConfigMode,
  type ConfigureOperation,
  DedupePolicy,
  EffectClass,
  type InlineEndpoint,
  type JobSpec,
  JobSpecSchema,
  OnReject,
  Privilege,
  RetainOutput,
  RetryPolicySchema,
} from "@pointsman/sdk/v1";
import type { Clock, Random } from "../domain/clock.js";
import { addressProblem, defaultPort, endpointKey } from "../domain/endpoint-key.js";
import { createJobId } from "../domain/job-id.js";
import type { DedupePolicy as DedupePolicyName, EffectClass as EffectClassName, NewJob } from "../domain/job.js";
import { invalidRequest, problem } from "../errors.js";
import { encodeLogin, jobPlace } from "../secrets/login-codec.js";
import type { Sealer } from "../secrets/sealer.js";
import type { DeviceRecord, Store } from "../store/store.js";
import { canonicalBytes } from "./canonical-bytes.js";
import { checkConfigure } from "./check-configure.js";
import type { PlatformCatalogue } from "./platform-catalogue.js";

/** Zone of what names none. */
export const defaultZone = "default";

const second = 1_000;
const hour = 3_600 * second;
const defaults = {
  readQueueMs: 24 * hour,
  changeQueueMs: hour,
  executionMs: 300 * second,
  confirmMs: 300 * second,
  idleMs: 30 * second,
  repeatableAttempts: 3,
  initialBackoffMs: 2 * second,
  maxBackoffMs: 60 * second,
  maxOutputBytes: 16 * 1024 * 1024,
};

/** What creating jobs needs. */
export interface JobCreation {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly platforms: PlatformCatalogue;
  readonly clock: Clock;
  readonly random: Random;
  /** Runs work on inventory devices alone. */
  readonly forbidInlineEndpoints: boolean;
}

/** One job asked for. */
export interface JobWish {
  readonly spec: JobSpec;
  /** Path of the spec in the request, such as `job` or `jobs[3]`. */
  readonly field: string;
  readonly creator: string;
  /** Who and which method: what a request id holds for. */
  readonly scope: string;
  /** Empty: none was given. */
  readonly requestId: string;
  /** The job that is done again. */
  readonly retryOf?: string;
  /** The `traceparent` of whoever asks; empty for none. */
  readonly traceParent?: string;
  /** Id of the new job, when it was chosen before; it names the zone of the target. */
  readonly id?: string;
}

/** What the wishes of one call point at, read in few round trips. */
export interface Surroundings {
  readonly devices: ReadonlyMap<string, DeviceRecord>;
  readonly zones: ReadonlyMap<string, number>;
  readonly credentials: ReadonlySet<string>;
  /** What exclusivity is keyed by at the addresses of inline endpoints. */
  readonly exclusive: ReadonlyMap<string, string>;
}

/** An inline endpoint's place, as {@link Surroundings} knows it. */
function placeOf({ zone, address, port }: InlineEndpoint): string {
  return `${zone || defaultZone} ${endpointKey(address, port)}`;
}

/** Reads the devices, zones and credentials that specs name, and what is at their inline endpoints. */
export async function readSurroundings(store: Store, specs: readonly JobSpec[]): Promise<Surroundings> {
  const names = new Set<string>();
  const logins = new Set<string>();
  const places = new Map<string, InlineEndpoint>();
  for (const { target } of specs) {
    if (target.case === "device") names.add(target.value);
    else if (target.case === "endpoint") {
      if (target.value.login.case === "credential") logins.add(target.value.login.value);
      if (addressProblem(target.value.address) === undefined) places.set(placeOf(target.value), target.value);
    }
  }
  const exclusiveAt = async ([place, { zone, address, port }]: [string, InlineEndpoint]) =>
    [place, await store.devices.exclusiveAt(zone || defaultZone, address, port || defaultPort)] as const;
  const [devices, zones, credentials, exclusive] = await Promise.all([
    names.size > 0 ? store.devices.getMany([...names]) : [],
    store.zones(),
    Promise.all(Array.from(logins, (name) => store.credentials.get(name))),
    Promise.all(Array.from(places, exclusiveAt)),
  ]);
  return {
    devices: new Map(devices.flatMap((device) => (device ? [[device.name, device] as const] : []))),
    zones,
    credentials: new Set(credentials.flatMap((credential) => (credential ? [credential.name] : []))),
    exclusive: new Map(exclusive),
  };
}

/**
 * A wish as a job for the store: target resolved, effect class decided, defaults filled in, secrets sealed apart. Throws
 * DEVICE_NOT_FOUND, CREDENTIAL_NOT_FOUND, UNKNOWN_PLATFORM, INVALID_REQUEST (an unknown zone, an ambiguous address,
 * what is no configuration or no check), NOT_READ_ONLY, REQUEST_ID_REQUIRED and INLINE_ENDPOINTS_FORBIDDEN.
 */
export function prepareJob(parts: JobCreation, around: Surroundings, wish: JobWish): NewJob {
  const target = resolveTarget(parts, around, wish);
  const effectClass = effectClassOf(parts.platforms, target.platform, wish.spec);
  checkConfigure(parts.platforms, target.platform, wish);
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
  const spec = withDefaults(wish.spec, effectClass);
  const sealedSecret = takeSecret(parts.sealer, id, spec);
  const startAfterMs = spec.startTime && timestampMs(spec.startTime);
  return {
    id,
    zone: target.zone,
    effectClass,
    type: wish.spec.operation.case ?? "commands",
    endpoint: target.endpoint,
    address: target.address,
    ...(target.device !== undefined && { device: target.device }),
    creator: wish.creator,
    priority: spec.priority,
    labels: spec.labels,
    spec: toBinary(JobSpecSchema, spec, { writeUnknownFields: false }),
    ...(sealedSecret && { sealedSecret }),
    ...(startAfterMs !== undefined && startAfterMs > parts.clock.now() && { startAfterMs }),
    queueTimeoutMs: spec.queueTimeout ? durationMs(spec.queueTimeout) : defaults.changeQueueMs,
    maxAttempts: spec.retry?.maxAttempts ?? 1,
    ...(spec.queue !== "" && { queue: spec.queue }),
    ...(spec.dedupeKey !== "" && {
      dedupe: { key: spec.dedupeKey, policy: dedupePolicies[spec.dedupePolicy] ?? "REJECT" },
    }),
    ...(spec.failIfBlocked && { failIfBlocked: true }),
    ...retention(spec.retainOutput),
    ...(wish.retryOf !== undefined && { retryOf: wish.retryOf }),
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

const dedupePolicies: Readonly<Partial<Record<DedupePolicy, DedupePolicyName>>> = {
  [DedupePolicy.JOIN]: "JOIN",
  [DedupePolicy.REPLACE]: "REPLACE",
};

function retention(retain: RetainOutput): Pick<NewJob, "retain"> {
  if (retain === RetainOutput.METADATA) return { retain: "METADATA" };
  return retain === RetainOutput.NONE ? { retain: "NONE" } : {};
}

interface Target {
  readonly device?: string;
  readonly address: string;
  readonly endpoint: string;
  readonly platform: string;
  readonly zone: string;
  readonly zoneNumber: number;
}

function resolveTarget(parts: JobCreation, around: Surroundings, wish: JobWish): Target {
  const { target } = wish.spec;
  const found =
    target.case === "endpoint" ? inlineTarget(parts, around, wish, target.value) : deviceTarget(around, wish);
  if (!parts.platforms.has(found.platform)) {
    const field = `${wish.field}.${target.case === "endpoint" ? "endpoint.platform" : "device"}`;
    throw unknownPlatform(field, found.platform);
  }
  const zoneNumber = around.zones.get(found.zone);
  if (zoneNumber === undefined) {
    const field = `${wish.field}.${target.case === "endpoint" ? "endpoint.zone" : "device"}`;
    throw invalidRequest({ field, description: `no worker or device is in a zone ${found.zone}` });
  }
  return { ...found, zoneNumber };
}

/** UNKNOWN_PLATFORM for a field. */
export function unknownPlatform(field: string, name: string): Error {
  const description = `no platform ${name}; ListPlatforms names those there are`;
  return problem("UNKNOWN_PLATFORM", `${field}: ${description}`, { fields: [{ field, description }] });
}

function deviceTarget(around: Surroundings, wish: JobWish): Omit<Target, "zoneNumber"> {
  const name = wish.spec.target.case === "device" ? wish.spec.target.value : "";
  const device = around.devices.get(name);
  if (!device) throw problem("DEVICE_NOT_FOUND", `no device ${name}`, { metadata: { device: name } });
  const { address, endpoint, platform, zone } = device;
  return { device: name, address, endpoint, platform, zone };
}

function inlineTarget(
  parts: JobCreation,
  around: Surroundings,
  wish: JobWish,
  inline: InlineEndpoint,
): Omit<Target, "zoneNumber"> {
  if (parts.forbidInlineEndpoints) {
    throw problem("INLINE_ENDPOINTS_FORBIDDEN", "this installation runs work on inventory devices alone");
  }
  const description = addressProblem(inline.address);
  if (description !== undefined) throw invalidRequest({ field: `${wish.field}.endpoint.address`, description });
  if (inline.login.case === "credential" && !around.credentials.has(inline.login.value)) {
    const name = inline.login.value;
    throw problem("CREDENTIAL_NOT_FOUND", `no credential ${name}`, {
      metadata: { credential: name },
      fields: [{ field: `${wish.field}.endpoint.credential`, description: "no credential of this name" }],
    });
  }
  return {
    address: inline.address,
    endpoint: around.exclusive.get(placeOf(inline)) ?? endpointKey(inline.address, inline.port),
    platform: inline.platform,
    zone: inline.zone || defaultZone,
  };
}

function effectClassOf(platforms: PlatformCatalogue, platform: string, spec: JobSpec): EffectClassName {
  if (spec.operation.case === "probe") return "READ_ONLY";
  if (spec.operation.case === "configure") {
    return spec.operation.value.mode === ConfigMode.PLAN ? "READ_ONLY" : "AT_MOST_ONCE";
  }
  const commands = spec.operation.case === "commands" ? spec.operation.value.commands : [];
  const isRead = commands.every(
    ({ command, answers }) => answers.length === 0 && platforms.isReadOnly(platform, command),
  );
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
  if (spec.target.case === "endpoint") {
    spec.target.value.port ||= defaultPort;
    spec.target.value.zone ||= defaultZone;
  }
  return spec;
}

function fillCommands(operation: CommandsOperation): void {
  operation.onReject ||= OnReject.STOP;
  operation.privilege ||= Privilege.LOGIN;
  for (const command of operation.commands) command.idleTimeout ??= durationFromMs(defaults.idleMs);
}

function fillConfigure(operation: ConfigureOperation): void {
  operation.mode ||= ConfigMode.APPLY;
  if (operation.mode !== ConfigMode.APPLY_CONFIRMED) return;
  operation.confirmTimeout ??= durationFromMs(defaults.confirmMs);
}

/** A change that is taken back is watched until it is, so its attempt may take that much longer. */
function timerMs({ operation }: JobSpec): number {
  if (operation.case !== "configure" || operation.value.mode !== ConfigMode.APPLY_CONFIRMED) return 0;
  return operation.value.confirmTimeout ? durationMs(operation.value.confirmTimeout) : 0;
}

/** Takes the login out of a spec that is about to be stored, and seals it for this job alone. */
function takeSecret(sealer: Sealer, id: string, spec: JobSpec): Uint8Array | undefined {
  if (spec.target.case !== "endpoint" || spec.target.value.login.case !== "secret") return undefined;
  const login = spec.target.value.login.value;
  spec.target.value.login = { case: undefined };
  return sealer.seal(encodeLogin(login), jobPlace(id));
}
