import type { Command } from "commander";
import { toJson, type DeviceFilterInit } from "@pointsman/sdk";
import { DeviceSchema, type Device } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "./command.js";
import { registerAcceptHostKey } from "./device-accept-host-key.js";
import { registerDeviceAdd, registerDeviceUpdate } from "./device-edit.js";
import { registerDeviceImport } from "./device-import.js";
import { duration, hostAndPort, hostKeyPolicyName, labels, time } from "./format.js";
import { collect, collectPairs, parseInteger } from "./parse.js";
import { facts, table } from "./table.js";

interface ListOptions extends CommonOptions {
  readonly platform?: readonly string[];
  readonly zone?: readonly string[];
  readonly label?: Readonly<Record<string, string>>;
  readonly limit?: number;
}

/** `devices`: the inventory. */
export function registerDevices(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "devices", "Keep the inventory of devices");

  const list = kit
    .command(group, "list", "List devices by name (the default)", { isDefault: true })
    .option("--platform <name>", "by platform; may be repeated", collect)
    .option("--zone <name>", "by zone; may be repeated", collect)
    .option("--label <key=value>", "by label; all that are given must stand on the device", collectPairs("--label"))
    .option("--limit <number>", "at most this many (default: all)", parseInteger("--limit", 1, 1_000_000));
  kit.run<ListOptions>(list, async ({ client, options, out, signal }) => {
    const filter: DeviceFilterInit = {
      platforms: [...(options.platform ?? [])],
      zones: [...(options.zone ?? [])],
      labels: { ...options.label },
    };
    const limit = options.limit ?? Infinity;
    const devices: Device[] = [];
    for await (const device of client.devices.list(filter, { pageSize: Math.min(limit, 1000), signal })) {
      devices.push(device);
      if (devices.length >= limit) break;
    }
    if (out.json) return await out.document({ devices: devices.map((device) => toJson(DeviceSchema, device)) });
    if (devices.length === 0) return await out.note("no device");
    await out.line(deviceTable(devices));
  });

  const get = kit
    .command(group, "get", "Show one device: who holds it and what waits")
    .argument("<name>", "the device");
  kit.run<CommonOptions>(get, async ({ client, out, signal, words }) => {
    const device = await client.devices.get(words[0] ?? "", { signal });
    if (out.json) await out.document(toJson(DeviceSchema, device));
    else await out.line(describe(device));
  });

  registerDeviceAdd(group, kit);
  registerDeviceUpdate(group, kit);
  registerDeviceImport(group, kit);
  registerAcceptHostKey(group, kit);

  const remove = kit
    .command(group, "remove", "Remove devices that have no live jobs")
    .argument("<names...>", "the devices");
  kit.run<CommonOptions>(remove, async ({ client, out, signal, words }) => {
    for (const name of words) {
      await client.devices.delete(name, { signal });
      if (!out.json) await out.line(`${name} removed`);
    }
    if (out.json) await out.document({ removed: words });
  });
}

function deviceTable(devices: readonly Device[]): string {
  return table(
    ["name", "address", "platform", "zone", "credential", "labels"],
    devices.map((device) => [
      device.name,
      hostAndPort(device),
      device.platform,
      device.zone,
      device.credential,
      labels(device.labels),
    ]),
  );
}

function describe(device: Device): string {
  const { status } = device;
  const description = facts([
    ["name", device.name],
    ["address", hostAndPort(device)],
    ["platform", device.platform],
    ["credential", device.credential],
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
  if (status === undefined) return description;
  const { hold, lastFailure } = status;
  const state = facts([
    ["owner", status.owner || "none"],
    ["running", status.runningJob || "nothing"],
    ["waiting", `${status.waitingReads} reads, ${status.waitingChanges} changes`],
    [
      "held",
      hold ? `since ${time(hold.time)}: the outcome of job ${hold.job} is unknown, see \`pointsman resolve\`` : "",
    ],
    [
      "last failure",
      lastFailure
        ? `${time(lastFailure.time)} ${lastFailure.message} (${lastFailure.reason}), job ${lastFailure.job}`
        : "",
    ],
  ]);
  return `${description}\n\n${state}`;
}
