import { setImmediate as breathe } from "node:timers/promises";
import { clone, create, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { RolloutPolicySchema, type RunSpec, RunSpecSchema } from "@pointsman/sdk/v1";
import { rulesFor } from "../../domain/command-rules.js";
import { createRunId } from "../../domain/job-id.js";
import type { NewRun, RolloutRule, RunRecord, RunTargetRecord, TargetRejection } from "../../domain/run.js";
import { invalidRequest, problem } from "../../errors.js";
import type { DeviceRecord } from "../../store/store.js";
import { canonicalBytes } from "../calls/canonical-bytes.js";
import { itemError } from "../calls/item-error.js";
import { isReplicated, prepareJob } from "../jobs/job-create.js";
import type { JobCreation } from "../jobs/job-wish.js";
import { readSurroundings, type Surroundings } from "../jobs/job-surroundings.js";
import { defaultZone } from "../../domain/work-place.js";
import { zoneOfNode } from "../jobs/job-target.js";
import { checkRunSpec, mostTargets } from "./check-run.js";
import { blockedTarget } from "./run-blocked.js";
import { keyOf, knownNodes, selectedDevices, withQueueTimeout } from "./run-places.js";
import { wordsIn, wordsOf } from "./run-words.js";
import {
  type AskedTarget,
  deviceOf,
  jobOfTarget,
  nameOf,
  nodeOf,
  nodeTarget,
  specsToLookAt,
  targetBytes,
  targetPlace,
} from "./run-target.js";

/** Targets looked at together, before other calls get their turn. */
const chunk = 500;
/** Rejections that an answer names. */
const namedRejections = 100;
/** Targets of a stored run read at a time. */
const storedPage = 1_000;

/** One run asked for. */
export interface RunWish {
  /** Its id, where that is settled before. */
  readonly id?: string;
  readonly spec: RunSpec;
  readonly creator: string;
  /** Who and which method: what a request id holds for. */
  readonly scope: string;
  /** Empty: none was given. */
  readonly requestId: string;
  /** What was asked for, which a repeated request has to repeat. Default: the specification. */
  readonly asked?: Uint8Array;
  /** Says what would be accepted and stores nothing. */
  readonly validateOnly?: boolean;
  /** Refuses the run when one target is refused. */
  readonly allOrNothing?: boolean;
  /** The run that is done again. */
  readonly retryOf?: string;
  /** The schedule that fires it, and the time of the schedule that it stands for. */
  readonly schedule?: string;
  readonly scheduledMs?: number;
}

/** A target that was refused. */
export interface Rejected extends TargetRejection {
  readonly index: number;
  readonly target: string;
}

/** A run as accepted. */
export interface AcceptedRun {
  readonly run: RunRecord;
  /** The first 100. */
  readonly rejections: readonly Rejected[];
  readonly replayed: boolean;
}

/**
 * Accepts a run: finds its targets, checks the job on each, and stores it with all of them. What is wrong with one target
 * is that target's rejection. Throws INVALID_REQUEST for what is wrong with all, REQUEST_ID_REQUIRED, REQUEST_ID_REUSED,
 * NO_TARGETS, TARGETS_REJECTED, and for the run it does again RUN_NOT_FOUND and RUN_NOT_FINAL.
 */
export async function createRun(parts: JobCreation, asked: RunWish): Promise<AcceptedRun> {
  const { store } = parts;
  const spec = withQueueTimeout(asked.spec);
  const wish = { ...asked, spec };
  checkRunSpec(spec, "run");
  const idempotency =
    wish.requestId === ""
      ? undefined
      : {
          scope: wish.scope,
          requestId: wish.requestId,
          fingerprint: parts.sealer.fingerprint(asked.asked ?? canonicalBytes(RunSpecSchema, asked.spec)),
        };
  const earlier = idempotency && !wish.validateOnly ? await store.runs.earlier(idempotency) : undefined;
  const replicated = isReplicated(parts, spec.job);
  if (earlier && replicated) await store.runs.replicated(earlier.id);
  if (earlier) return { run: earlier, rejections: await rejectionsOf(parts, earlier), replayed: true };

  const id = wish.id ?? createRunId(parts.clock.now(), parts.random);
  const targets = await resolveTargets(parts, wish, id);
  const rejections = targets.flatMap(({ name, rejection }, index) =>
    rejection ? [{ index, target: name, ...rejection }] : [],
  );
  if (rejections.length === targets.length) throw noTargets(rejections);
  const [first] = rejections;
  if (wish.allOrNothing && first) {
    const message = `${rejections.length} of ${targets.length} targets are refused; ${first.target}: ${first.message}`;
    throw problem("TARGETS_REJECTED", message, { metadata: { target: first.target, reason: first.reason } });
  }
  const run: NewRun = {
    id,
    creator: wish.creator,
    spec: toBinary(RunSpecSchema, withoutLists(spec), { writeUnknownFields: false }),
    rollout: rolloutRule(spec, targets.length),
    labels: spec.labels,
    targets,
    ...(wish.retryOf === undefined ? {} : { retryOf: wish.retryOf }),
    ...(wish.schedule === undefined ? {} : { schedule: wish.schedule }),
    ...(wish.scheduledMs === undefined ? {} : { scheduledMs: wish.scheduledMs }),
    ...(idempotency && { idempotency }),
  };
  const named = rejections.slice(0, namedRejections);
  if (wish.validateOnly)
    return { run: imagined(run, rejections.length, parts.clock.now()), rejections: named, replayed: false };
  const created = await store.runs.create(run);
  if (replicated) await store.runs.replicated(created.run.id);
  return { ...created, rejections: created.replayed ? await rejectionsOf(parts, created.run) : named };
}

function noTargets(rejections: readonly Rejected[]): Error {
  const [first] = rejections;
  if (!first)
    return problem("NO_TARGETS", "the run has no target: there is no device that the selector meets, or no node");
  const message = `every target is refused; ${first.target}: ${first.message}`;
  return problem("NO_TARGETS", message, { metadata: { target: first.target, reason: first.reason } });
}

/** The first rejections of a run that is there. */
async function rejectionsOf({ store }: JobCreation, run: RunRecord): Promise<readonly Rejected[]> {
  const found: Rejected[] = [];
  if (run.counts.REJECTED === 0) return found;
  for (let from = 0; from < run.total && found.length < namedRejections; from += storedPage) {
    const indexes = Array.from({ length: Math.min(storedPage, run.total - from) }, (_, i) => from + i);
    const targets = await store.runs.targets(run.id, indexes);
    targets.forEach(({ name, rejection }, i) => {
      if (rejection && found.length < namedRejections) found.push({ index: from + i, target: name, ...rejection });
    });
  }
  return found;
}

/** A run's spec without what can be long: its targets are kept apart. */
function withoutLists(spec: RunSpec): RunSpec {
  return clone(RunSpecSchema, { ...spec, devices: [], targets: [] });
}

function rolloutRule(spec: RunSpec, total: number): RolloutRule {
  const policy = spec.rollout ?? create(RolloutPolicySchema);
  const { batch } = policy;
  const batchSize =
    batch.case === "batchPercent" ? Math.max(1, Math.floor((batch.value * total) / 100)) : (batch.value ?? 0);
  return {
    canary: policy.canary,
    batchSize,
    maxParallel: policy.maxParallel,
    laneLimits: policy.maxParallelByLabel.map(({ maxParallel }) => maxParallel),
    grouped: policy.redundancyLabel !== "",
    pauseMs: policy.pauseBetween ? durationMs(policy.pauseBetween) : 0,
    holdAfterCanary: policy.holdAfterCanary,
    maxFailures: policy.maxFailures,
    maxFailurePercent: policy.maxFailurePercent,
    minSuccessPercent: policy.minSuccessPercent,
    pauseOnFailure: policy.pauseOnFailure,
  };
}

/** The targets of a run in their order, each with why it is refused where it is. */
async function resolveTargets(parts: JobCreation, wish: RunWish, id: string): Promise<RunTargetRecord[]> {
  const { spec } = wish;
  const seen = new Set<string>();
  const records: RunTargetRecord[] = [];
  const check = createTargetCheck(parts, wish);

  async function take(asked: readonly AskedTarget[], known?: ReadonlyMap<string, DeviceRecord>): Promise<void> {
    for (let from = 0; from < asked.length; from += chunk) {
      const part = asked.slice(from, from + chunk);
      const around = await surroundingsOf(parts, spec, part, known);
      const checked = part.map((target) => {
        const name = nameOf(target);
        const key = keyOf(target);
        const rejection = seen.has(key)
          ? { reason: "DUPLICATE_TARGET", message: "the run names this target before" }
          : check(around, target);
        seen.add(key);
        return { target, name, rejection };
      });
      const blocked = spec.job?.failIfBlocked ? await blockedTarget(parts.store, around, checked) : [];
      checked.forEach(({ target, name, rejection: refused }, i) => {
        const rejection = refused ?? blocked[i];
        const device = around.devices.get(deviceOf(target) ?? "");
        const index = records.length;
        const secret = rejection ? undefined : secretOf(parts, target, targetPlace(id, index));
        records.push({
          ...recordOf(spec, target, name, device, around),
          ...(rejection && { rejection }),
          ...(secret && { secret }),
        });
      });
      await breathe();
    }
  }

  await take(spec.devices);
  await take(spec.targets);
  if (spec.selector) {
    for await (const devices of selectedDevices(parts, spec.selector)) {
      const fresh = devices.filter(({ name }) => !seen.has(name));
      if (records.length + fresh.length > mostTargets) {
        throw invalidRequest({ field: "run.selector", description: `meets more than ${mostTargets} targets` });
      }
      await take(
        fresh.map(({ name }) => name),
        new Map(fresh.map((device) => [device.name, device])),
      );
    }
  }
  if (spec.allNodes) {
    const nodes = (await knownNodes(parts, spec)).map(nodeTarget).filter((target) => !seen.has(keyOf(target)));
    if (records.length + nodes.length > mostTargets) {
      throw invalidRequest({ field: "run.all_nodes", description: `makes more than ${mostTargets} targets` });
    }
    await take(nodes);
  }
  return records;
}

/** What the targets of a chunk point at. */
async function surroundingsOf(
  { store }: JobCreation,
  spec: RunSpec,
  targets: readonly AskedTarget[],
  known: ReadonlyMap<string, DeviceRecord> | undefined,
): Promise<Surroundings> {
  const around = await readSurroundings(store, specsToLookAt(spec, targets, !known));
  return known ? { ...around, devices: known } : around;
}

/**
 * Whether a target can be worked on. Devices of one platform and zone for which the words of the job stand for the same
 * are looked at once.
 */
function createTargetCheck(
  parts: JobCreation,
  wish: RunWish,
): (around: Surroundings, target: AskedTarget) => TargetRejection | undefined {
  const alike = new Map<string, TargetRejection | undefined>();
  const names = wish.spec.job ? wordsIn(wish.spec.job) : [];

  function look(
    around: Surroundings,
    target: AskedTarget,
    device: DeviceRecord | undefined,
  ): TargetRejection | undefined {
    try {
      const spec = jobOfTarget(wish.spec, target, device);
      const { creator, scope, requestId } = wish;
      prepareJob(parts, around, { spec, field: "run.job", creator, scope, requestId });
      return undefined;
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      const { reason, message } = itemError(error, "");
      // A request id is missing in the whole request.
      if (reason === "REQUEST_ID_REQUIRED") throw error;
      return { reason, message };
    }
  }

  return (around, target) => {
    const name = deviceOf(target);
    const device = name === undefined ? undefined : around.devices.get(name);
    const own = typeof target === "string" ? undefined : target;
    if (!device || own?.operation.case !== undefined) return look(around, target, device);
    const words = wordsOf(wish.spec, own, device);
    const { platform, zone, labels } = device;
    const work = { caller: wish.creator, platform, zone, labels, device: device.name };
    const rules = rulesFor(around.rules, work).map((rule) => rule.name);
    const key = JSON.stringify([platform, zone, ...names.map(words), own?.labels, rules]);
    if (!alike.has(key)) alike.set(key, look(around, target, device));
    return alike.get(key);
  };
}

function recordOf(
  { rollout, job }: RunSpec,
  target: AskedTarget,
  name: string,
  device: DeviceRecord | undefined,
  around: Surroundings,
): RunTargetRecord {
  const { bytes } = targetBytes(target);
  const inline = typeof target !== "string" && target.target.case === "endpoint" ? target.target.value : undefined;
  const node = nodeOf(target);
  const zones = around.nodes.get(node ?? "") ?? [];
  const group = rollout?.redundancyLabel ? device?.labels[rollout.redundancyLabel] : undefined;
  const lanes = rollout?.maxParallelByLabel.map(({ label }) => device?.labels[label] ?? null) ?? [];
  return {
    name,
    zone: node === undefined ? (device?.zone ?? (inline?.zone || defaultZone)) : zoneOfNode(zones, job?.zone ?? ""),
    ...(bytes && { own: Buffer.from(bytes).toString("base64") }),
    ...(group !== undefined && { group }),
    ...(lanes.length > 0 && { lanes }),
  };
}

function secretOf({ sealer }: JobCreation, target: AskedTarget, place: string): Uint8Array | undefined {
  if (typeof target === "string" || target.target.case !== "endpoint") return undefined;
  const { logins } = targetBytes(target);
  return logins && sealer.seal(logins, place);
}

/** A run that was not stored: it has no id. */
function imagined({ targets, idempotency: _, ...run }: NewRun, rejected: number, nowMs: number): RunRecord {
  return {
    ...run,
    id: "",
    state: "RUNNING",
    counts: {
      PENDING: targets.length - rejected,
      STARTED: 0,
      SUCCEEDED: 0,
      FAILED: 0,
      CANCELLED: 0,
      EXPIRED: 0,
      INDETERMINATE: 0,
      UNTOUCHED: 0,
      REJECTED: rejected,
    },
    createMs: nowMs,
    reason: "",
    changedBy: "",
    batch: 0,
    forgiven: 0,
    interrupt: false,
    revision: 0,
    total: targets.length,
  };
}
