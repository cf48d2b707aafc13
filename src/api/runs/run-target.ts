import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type JobSpec, JobSpecSchema, type RunSpec, type RunTarget, RunTargetSchema } from "@pointsman/sdk/v1";
import { defaultPort } from "../../domain/endpoint-key.js";
import type { DeviceRecord } from "../../store/store.js";
import { invalidRequest, problem } from "../../errors.js";
import { type OwnLogins, takeLogins } from "../../secrets/login-codec.js";
import { withWords, wordsIn, wordsOf } from "./run-words.js";

/** A target of a run as it was asked for: a device's name alone, or with what is its own. */
export type AskedTarget = string | RunTarget;

/** Name of the device; undefined for a target given by address. */
export function deviceOf(target: AskedTarget): string | undefined {
  if (typeof target === "string") return target;
  return target.target.case === "device" ? target.target.value : undefined;
}

/** Name of the node; undefined for a device. */
export function nodeOf(target: AskedTarget): string | undefined {
  return typeof target !== "string" && target.target.case === "node" ? target.target.value : undefined;
}

/** A node that has nothing of its own, as a target. */
export function nodeTarget(node: string): RunTarget {
  return create(RunTargetSchema, { target: { case: "node", value: node } });
}

/** What a target is called: the name of the device or node, or address and port. */
export function nameOf(target: AskedTarget): string {
  const name = deviceOf(target) ?? nodeOf(target);
  if (name !== undefined) return name;
  const endpoint = typeof target === "string" ? undefined : target.target.value;
  if (typeof endpoint !== "object") return "";
  const host = endpoint.address.includes(":") ? `[${endpoint.address}]` : endpoint.address;
  return `${host}:${endpoint.port || defaultPort}`;
}

/** The job of a target, with its operation, its labels and its words. DEVICE_NOT_FOUND, WORD_MISSING, INVALID_REQUEST. */
export function jobOfTarget(spec: RunSpec, target: AskedTarget, device: DeviceRecord | undefined): JobSpec {
  const own = typeof target === "string" ? undefined : target;
  const named = deviceOf(target);
  if (named !== undefined && !device) {
    throw problem("DEVICE_NOT_FOUND", `no device ${named}`, { metadata: { device: named } });
  }
  const job = clone(JobSpecSchema, spec.job ?? create(JobSpecSchema));
  if (own?.operation.case !== undefined) job.operation = own.operation;
  Object.assign(job.labels, own?.labels);
  if (job.operation.case === undefined) {
    throw invalidRequest({ field: "run.job", description: "has no operation, nor has this target one of its own" });
  }
  job.target = typeof target === "string" ? { case: "device", value: target } : target.target;
  // It stands in for the inventory's: whoever is given by address comes with a login.
  if (job.target.case === "endpoint") job.credential = "";
  return wordsIn(job).length > 0 ? withWords(job, wordsOf(spec, own, device)) : job;
}

/** What the targets of a run point at, as specs to look around by. `places`: also where they are. */
export function specsToLookAt(spec: RunSpec, targets: readonly AskedTarget[], places: boolean): JobSpec[] {
  const { operation, credential } = spec.job ?? create(JobSpecSchema);
  const task = (own: JobSpec["operation"]): JobSpec["operation"] => (own.case === "task" ? own : { case: undefined });
  const ofTargets = targets.flatMap((target): JobSpec[] => {
    const own = typeof target === "string" ? undefined : target;
    const named = own?.operation.case === "task" ? own.operation : undefined;
    if (!places && !named) return [];
    const place = typeof target === "string" ? { case: "device" as const, value: target } : target.target;
    return [create(JobSpecSchema, { ...(places && { target: place }), ...(named && { operation: named }) })];
  });
  return [create(JobSpecSchema, { operation: task(operation), credential }), ...ofTargets];
}

/**
 * A target as bytes, and the logins that it came with apart from it, its own and its bastions'. No bytes when it is no more
 * than a device's name.
 */
export function targetBytes(target: AskedTarget): { readonly bytes?: Uint8Array; readonly logins?: Uint8Array } {
  if (typeof target === "string") return {};
  const copy = clone(RunTargetSchema, target);
  const logins = copy.target.case === "endpoint" ? takeLogins(copy.target.value) : undefined;
  return { bytes: toBinary(RunTargetSchema, copy, { writeUnknownFields: false }), ...(logins && { logins }) };
}

/** Gives a target of {@link targetOfBytes} the logins again that it came with. */
export function giveLogins(target: AskedTarget, { login, bastions }: OwnLogins): void {
  if (typeof target === "string" || target.target.case !== "endpoint") return;
  const { value: endpoint } = target.target;
  if (login) endpoint.login = { case: "secret", value: login };
  bastions.forEach((own, index) => {
    const bastion = endpoint.bastions[index];
    if (bastion && own) bastion.login = { case: "secret", value: own };
  });
}

/** A target as {@link targetBytes} wrote it; without bytes the device of this name. */
export function targetOfBytes(name: string, bytes: string | undefined): AskedTarget {
  return bytes === undefined ? name : fromBinary(RunTargetSchema, Buffer.from(bytes, "base64"));
}

/** The place that the logins of a run's target are sealed for. */
export function targetPlace(run: string, index: number): string {
  return `run/${run}/${index}`;
}
