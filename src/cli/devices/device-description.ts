import { CryptoProfile, type Device, type DeviceStatus, type QueuePause } from "@pointsman/sdk/v1";
import {
  cryptoProfileName,
  duration,
  hostAndPort,
  hostKeyPolicyName,
  labels,
  lockName,
  pauseName,
  time,
} from "../terminal/format.js";
import { facts } from "../terminal/table.js";
import { holdOf } from "../terminal/why-waiting.js";

/** Everything about a device: what it is, then who holds it, what waits, and what keeps work from starting. */
export function describeDevice(device: Device, pause: QueuePause | undefined): string {
  const description = facts([
    ["name", device.name],
    ["address", hostAndPort(device)],
    ["platform", device.platform],
    ["via", device.bastions.map((bastion) => `${bastion.credential}@${hostAndPort(bastion)}`).join(" > ")],
    ["credential", device.credential],
    ["for changes", device.changeCredential],
    [
      "allowed",
      device.cryptoProfile === CryptoProfile.UNSPECIFIED ? "" : `${cryptoProfileName(device.cryptoProfile)} algorithms`,
    ],
    ["sessions", device.maxSessions > 0 ? `at most ${device.maxSessions}` : ""],
    ["connections", device.connectsPerMinute > 0 ? `at most ${device.connectsPerMinute} a minute` : ""],
    ["expected", [device.expect?.hostName, device.expect?.serial].filter(Boolean).join(", ")],
    ["zone", device.zone],
    ["endpoint", device.endpoint],
    ["exclusive key", device.exclusiveKey],
    ["labels", labels(device.labels)],
    ["host keys", device.hostKeys.join("\n")],
    ["policy", hostKeyPolicyName(device.hostKeyPolicy)],
    ["timeout", duration(device.connectTimeout)],
    ["added", time(device.createTime)],
    ["changed", time(device.updateTime)],
  ]);
  return device.status ? `${description}\n\n${describeStatus(device.name, device.status, pause)}` : description;
}

function describeStatus(name: string, status: DeviceStatus, pause: QueuePause | undefined): string {
  const { hold, lastFailure, lock } = status;
  return facts([
    ["owner", status.owner || "none"],
    ["running", status.runningJob || "nothing"],
    ["waiting", `${status.waitingReads} reads, ${status.waitingChanges} changes`],
    ["held", hold ? `since ${time(hold.time)}: ${holdOf(name, hold)}` : ""],
    ["locked", lock ? `by ${lockName(lock)}; \`pointsman devices unlock ${name}\` opens it` : ""],
    [
      "paused",
      status.paused
        ? `${pause ? `by ${pauseName(pause)}` : "yes"}; \`pointsman queues resume device/${name}\` opens it`
        : "",
    ],
    [
      "crypto",
      status.cryptoProfile === CryptoProfile.UNSPECIFIED
        ? ""
        : `${cryptoProfileName(status.cryptoProfile)} at its last connection${status.cryptoProfile === CryptoProfile.LEGACY ? ": can be broken nowadays" : ""}`,
    ],
    [
      "breakers",
      status.breakers
        .map(
          (one) =>
            `${one.name} open since ${time(one.openTime)} after ${one.failures} failures, tried again at ${time(one.tryTime)}: ${one.message} (${one.reason}); \`pointsman devices reset-breaker ${name}\` closes it`,
        )
        .join("\n"),
    ],
    [
      "last failure",
      lastFailure
        ? `${time(lastFailure.time)} ${lastFailure.message} (${lastFailure.reason}), job ${lastFailure.job}`
        : "",
    ],
  ]);
}
