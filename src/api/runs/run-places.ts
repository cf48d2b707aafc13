import { clone, create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { JobSpecSchema, type RunSpec, RunSpecSchema } from "@pointsman/sdk/v1";
import type { DeviceRecord } from "../../store/store.js";
import type { JobCreation } from "../jobs/job-wish.js";
import { readSurroundings } from "../jobs/job-surroundings.js";
import { type AskedTarget, deviceOf, nameOf, nodeOf } from "./run-target.js";

/** Devices of the inventory read at a time. */
const inventoryPage = 1_000;
/** How long a job of a run on all nodes waits: a worker is restarted in it, and it is over before the next half minute. */
const allNodesQueueMs = 20_000;

/** What tells a target from the others of its run: a device and a node may have the same name. */
export function keyOf(target: AskedTarget): string {
  const kind = deviceOf(target) !== undefined ? "" : nodeOf(target) !== undefined ? "#" : "@";
  return `${kind}${nameOf(target)}`;
}

/** The nodes that have a worker or had one within the last hour, by name; of the job's zone, where it names one. */
export async function knownNodes({ store }: JobCreation, { job }: RunSpec): Promise<string[]> {
  const { nodes } = await readSurroundings(store, [create(JobSpecSchema, { target: { case: "node", value: "" } })]);
  const zone = job?.zone ?? "";
  return [...nodes].flatMap(([node, zones]) => (zone === "" || zones.includes(zone) ? [node] : [])).sort();
}

/** The devices of the inventory that a selector meets, some at a time. */
export async function* selectedDevices(
  { store }: JobCreation,
  { labels, platforms, zones }: NonNullable<RunSpec["selector"]>,
): AsyncGenerator<readonly DeviceRecord[]> {
  for (let after: string | undefined; ;) {
    const page = await store.devices.list({ limit: inventoryPage, ...(after !== undefined && { after }) });
    yield page.devices.filter(
      (device) =>
        (platforms.length === 0 || platforms.includes(device.platform)) &&
        (zones.length === 0 || zones.includes(device.zone)) &&
        Object.entries(labels).every(([name, value]) => device.labels[name] === value),
    );
    if (page.next === undefined) return;
    after = page.next;
  }
}

/** A run on all nodes does not wait long for one that is dead, unless it says so. */
export function withQueueTimeout(spec: RunSpec): RunSpec {
  if (!spec.allNodes || !spec.job || spec.job.queueTimeout) return spec;
  const own = clone(RunSpecSchema, spec);
  if (own.job) own.job.queueTimeout = durationFromMs(allNodesQueueMs);
  return own;
}
