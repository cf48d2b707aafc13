import { isIPv6 } from "node:net";
import { fromBinary, toJsonString } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import { type JobFilter, JobSpecSchema } from "@pointsman/sdk/v1";
import { canonicalHost, endpointKey } from "../../domain/endpoint-key.js";
import type { JobRecord } from "../../domain/job.js";
import type { JobState } from "../../domain/job-state.js";
import type { JobQuery } from "../../store/store.js";
import { stateName } from "./job-enums.js";

const linePrefix = "device/";

/** What a filter means to the store. Absent: every job. */
export function jobQuery(filter: JobFilter | undefined): JobQuery {
  if (!filter) return {};
  const lines = filter.queues.filter((queue) => queue.startsWith(linePrefix));
  const named = filter.queues.filter((queue) => !queue.startsWith(linePrefix));
  const { store, also } = byQueues(filter, lines.map(lineDevice).flatMap(writings), named);
  return {
    // Named twice, a job is still met once: calls that act on each of these would act on it twice.
    ...list("ids", [...new Set(filter.ids)]),
    ...list(
      "states",
      filter.states.map(stateName).filter((name): name is JobState => name !== undefined),
    ),
    ...store,
    ...list("workers", filter.workers),
    ...list("types", filter.types),
    ...list("nodes", filter.nodes),
    ...list("tasks", filter.tasks),
    ...(Object.keys(filter.labels).length > 0 && { labels: filter.labels }),
    ...list("creators", filter.creators),
    ...list("errorReasons", filter.errorReasons),
    ...moment("createdAfterMs", filter.createdAfter),
    ...moment("createdBeforeMs", filter.createdBefore),
    ...moment("endedAfterMs", filter.endedAfter),
    ...moment("endedBeforeMs", filter.endedBefore),
    ...list("zones", filter.zones),
    ...list("runs", filter.runs),
    ...(filter.showDeleted && { deleted: true }),
    ...(also && { also }),
  };
}

/**
 * Devices and queues of a filter. The store's indexes narrow by devices, or by lines when no device is named; named
 * queues and lines beside devices are compared on the jobs.
 */
function byQueues(
  filter: JobFilter,
  lines: readonly string[],
  named: readonly string[],
): { readonly store: Pick<JobQuery, "devices" | "queues">; readonly also?: (job: JobRecord) => boolean } {
  const text = filter.text.toLowerCase();
  const tests: ((job: JobRecord) => boolean)[] = [];
  let store: Pick<JobQuery, "devices" | "queues"> = list("devices", filter.devices.flatMap(writings));
  if (named.length > 0 && lines.length === 0) store = { ...store, queues: named };
  else if (lines.length > 0 && named.length === 0 && filter.devices.length === 0) store = { devices: lines };
  else if (lines.length + named.length > 0) {
    tests.push((job) => lines.some((line) => isAt(job, line)) || among(named, job.queue));
  }
  if (text !== "") tests.push((job) => says(job, text));
  return tests.length === 0 ? { store } : { store, also: (job) => tests.every((test) => test(job)) };
}

/** Whether a query names nothing at all, and so means every job. */
export function isUnbounded({ deleted: _, ...query }: JobQuery): boolean {
  return Object.keys(query).length === 0;
}

/** Whether a job may stop or start to meet a query during its life. */
export function canChange(query: JobQuery): boolean {
  return Boolean(
    query.states ??
    query.workers ??
    query.errorReasons ??
    (query.endedAfterMs !== undefined || query.endedBeforeMs !== undefined),
  );
}

/** Whether a job meets a query: the same rules as the store's own. */
export function meets(query: JobQuery, job: JobRecord): boolean {
  return (
    meetsForEver(query, job) &&
    among(query.states, job.state) &&
    among(query.workers, job.worker) &&
    among(query.errorReasons, job.error?.reason) &&
    within(job.endMs, query.endedAfterMs, query.endedBeforeMs)
  );
}

/** The part of {@link meets} that is decided when a job is created. */
export function meetsForEver(query: JobQuery, job: JobRecord): boolean {
  return (
    among(query.ids, job.id) &&
    (!query.devices || query.devices.some((device) => isAt(job, device))) &&
    among(query.types, job.type) &&
    among(query.nodes, job.node) &&
    among(query.tasks, job.task) &&
    Object.entries(query.labels ?? {}).every(([key, value]) => job.labels[key] === value) &&
    among(query.creators, job.creator) &&
    within(job.createMs, query.createdAfterMs, query.createdBeforeMs) &&
    among(query.zones, job.zone) &&
    among(query.queues, job.queue) &&
    among(query.runs, job.run?.id) &&
    (query.deleted === true || job.deleteMs === undefined) &&
    (query.also?.(job) ?? true)
  );
}

/** A line by its device: "device/<name>", or "device/<endpoint>" as workers show theirs. */
function lineDevice(line: string): string {
  const target = line.slice(linePrefix.length);
  return /:\d+$|^key\//.test(target) ? target : line;
}

/** A device as it is named, and the writing of an address or an endpoint by which jobs are found, where that is another. */
function writings(device: string): readonly string[] {
  const [, host = device, port] = (!isIPv6(device) && /^\[?([^[\]/]+?)\]?(?::(\d+))?$/.exec(device)) || [];
  if (port !== undefined) return [device, endpointKey({ address: host, port: Number(port) })];
  const canonical = canonicalHost(host);
  // A name may have capital letters, and then means another device.
  return canonical === device.toLowerCase() ? [device] : [device, canonical];
}

function isAt(job: JobRecord, device: string): boolean {
  if (device.startsWith(linePrefix)) return device === `${linePrefix}${job.device ?? ""}`;
  return device === job.device || device === job.endpoint || device.toLowerCase() === job.address.toLowerCase();
}

function says(job: JobRecord, text: string): boolean {
  const { operation } = fromBinary(JobSpecSchema, job.spec);
  if (operation.case === "configure") {
    const { input } = operation.value;
    const typed = input.case === "lines" ? input.value.lines : [input.value ?? ""];
    return typed.some((line) => line.toLowerCase().includes(text));
  }
  if (operation.case === "task") {
    const { type, input } = operation.value;
    return `${type} ${input ? toJsonString(ValueSchema, input) : ""}`.toLowerCase().includes(text);
  }
  if (operation.case === "http") return operation.value.url.toLowerCase().includes(text);
  if (operation.case === "shell") {
    const { program } = operation.value;
    const line = program.case === "argv" ? program.value.words.join(" ") : (program.value ?? "");
    return line.toLowerCase().includes(text);
  }
  if (operation.case !== "commands") return false;
  return operation.value.commands.some((command) => command.command.toLowerCase().includes(text));
}

function among<T>(values: readonly T[] | undefined, value: T | undefined): boolean {
  return values === undefined || (value !== undefined && values.includes(value));
}

function within(ms: number | undefined, afterMs: number | undefined, beforeMs: number | undefined): boolean {
  if (afterMs === undefined && beforeMs === undefined) return true;
  return ms !== undefined && ms >= (afterMs ?? -Infinity) && ms < (beforeMs ?? Infinity);
}

function list<Name extends string, T>(name: Name, values: readonly T[]): { [K in Name]?: readonly T[] } {
  return (values.length > 0 ? { [name]: values } : {}) as { [K in Name]?: readonly T[] };
}

function moment<Name extends string>(name: Name, time: Timestamp | undefined): { [K in Name]?: number } {
  return (time ? { [name]: timestampMs(time) } : {}) as { [K in Name]?: number };
}
