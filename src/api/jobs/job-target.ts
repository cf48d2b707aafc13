import type { InlineEndpoint } from "@pointsman/sdk/v1";
import { canonicalHost, endpointKey } from "../../domain/endpoint-key.js";
import { invalidRequest, problem } from "../../errors.js";
import type { JobCreation, JobWish } from "./job-wish.js";
import { defaultZone } from "../../domain/work-place.js";
import { unknownPlatform } from "../devices/unknown-platform.js";
import { credentialsOf, placeOf, type Surroundings } from "./job-surroundings.js";
import { placeProblems } from "../devices/place-problems.js";

/** Where a job is done. Without an endpoint it has no device. */
export interface Target {
  readonly device?: string;
  readonly node?: string;
  /** In its canonical writing, by which jobs are found. */
  readonly address: string;
  readonly endpoint?: string;
  readonly platform?: string;
  readonly zone: string;
  readonly zoneNumber: number;
}

/** Kinds of work that are done on a device alone. */
const onDevices = new Set(["commands", "configure", "probe"]);

/**
 * Finds where a job is done. Throws DEVICE_NOT_FOUND, NODE_NOT_FOUND, CREDENTIAL_NOT_FOUND, UNKNOWN_PLATFORM,
 * INLINE_ENDPOINTS_FORBIDDEN, and INVALID_REQUEST for a target that the operation cannot have, an unknown zone and an
 * ambiguous address.
 */
export function resolveTarget(parts: JobCreation, around: Surroundings, wish: JobWish): Target {
  checkKind(wish);
  const found = findTarget(parts, around, wish);
  checkCredentials(around, wish);
  const { target } = wish.spec;
  if (found.platform !== undefined && !parts.platforms.has(found.platform)) {
    throw unknownPlatform(
      `${wish.field}.${target.case === "endpoint" ? "endpoint.platform" : "device"}`,
      found.platform,
    );
  }
  const zoneNumber = around.zones.get(found.zone);
  if (zoneNumber === undefined) {
    const named = { endpoint: "endpoint.zone", device: "device", node: "zone", none: "zone" };
    const field = `${wish.field}.${named[target.case ?? "none"]}`;
    throw invalidRequest({ field, description: `no worker or device is in a zone ${found.zone}` });
  }
  return { ...found, zoneNumber };
}

function checkKind({ spec: { target, operation, zone, credential }, field: path }: JobWish): void {
  const kind = operation.case ?? "";
  const isDevice = target.case === "device" || target.case === "endpoint";
  const wrong = (field: string, description: string): Error =>
    invalidRequest({ field: `${path}.${field}`, description });
  if (onDevices.has(kind) && !isDevice) throw wrong("target", `is required for ${kind}: a device or an endpoint`);
  if (kind === "shell" && target.case !== "node") throw wrong("target", "is required for shell: a node");
  if (kind === "http" && isDevice) throw wrong(target.case, "http has no device; leave it out, or name a node");
  if (!isDevice && credential !== "") throw wrong("credential", "is for work on a device");
  if (target.case === "endpoint" && credential !== "") {
    throw wrong("credential", "is for devices of the inventory; an endpoint comes with its login");
  }
  if (isDevice && zone !== "") throw wrong("zone", "is for work without a device; a device is in its own zone");
}

function checkCredentials(around: Surroundings, wish: JobWish): void {
  for (const { field, name } of credentialsOf(wish.spec)) {
    if (around.credentials.has(name)) continue;
    throw problem("CREDENTIAL_NOT_FOUND", `no credential ${name}`, {
      metadata: { credential: name },
      fields: [{ field: `${wish.field}.${field}`, description: "no credential of this name" }],
    });
  }
}

function findTarget(parts: JobCreation, around: Surroundings, wish: JobWish): Omit<Target, "zoneNumber"> {
  const { target, zone } = wish.spec;
  switch (target.case) {
    case "endpoint":
      return inlineTarget(parts, around, wish, target.value);
    case "device":
      return deviceTarget(around, target.value);
    case "node":
      return nodeTarget(around, target.value, zone);
    case undefined:
      return { address: "", zone: zone || defaultZone };
  }
}

function deviceTarget(around: Surroundings, name: string): Omit<Target, "zoneNumber"> {
  const device = around.devices.get(name);
  if (!device) throw problem("DEVICE_NOT_FOUND", `no device ${name}`, { metadata: { device: name } });
  const { address, endpoint, platform, zone } = device;
  return { device: name, address: canonicalHost(address), endpoint, platform, zone };
}

/** A node is known while a worker of it is, and for an hour after. Of its zones, the one that was asked for. */
function nodeTarget(around: Surroundings, node: string, wanted: string): Omit<Target, "zoneNumber"> {
  const zones = around.nodes.get(node);
  if (!zones) {
    throw problem("NODE_NOT_FOUND", `no worker runs on a node ${node}; ListWorkers names the nodes`, {
      metadata: { node },
    });
  }
  return { node, address: "", zone: zoneOfNode(zones, wanted) };
}

/** Of the zones that a node serves, the one that was asked for, or else the default zone, or else the first. */
export function zoneOfNode(zones: readonly string[], wanted: string): string {
  return wanted || (zones.includes(defaultZone) ? defaultZone : (zones[0] ?? defaultZone));
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
  const bad = placeProblems(`${wish.field}.endpoint`, inline);
  if (bad.length > 0) throw invalidRequest(...bad);
  return {
    address: canonicalHost(inline.address),
    endpoint: around.exclusive.get(placeOf(inline)) ?? endpointKey(inline),
    platform: inline.platform,
    zone: inline.zone || defaultZone,
  };
}
