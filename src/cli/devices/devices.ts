import type { Command } from "commander";
import { toJson, type DeviceFilterInit } from "@pointsman/sdk";
import { DeviceSchema, type Device } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { registerAcceptHostKey } from "./device-accept-host-key.js";
import { describeDevice } from "./device-description.js";
import { registerDeviceAdd, registerDeviceUpdate } from "./device-edit.js";
import { registerDeviceImport } from "./device-import.js";
import { registerDeviceLock } from "./device-lock.js";
import { registerResetBreaker } from "./device-reset-breaker.js";
import { hostAndPort, labels } from "../terminal/format.js";
import { collect, collectPairs, parseInteger } from "../terminal/parse.js";
import { table } from "../terminal/table.js";

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
    .command(group, "get", "Show one device: who holds it, what waits, and what keeps work from starting")
    .argument("<name>", "the device");
  kit.run<CommonOptions>(get, async ({ client, out, signal, words }) => {
    const device = await client.devices.get(words[0] ?? "", { signal });
    if (out.json) return await out.document(toJson(DeviceSchema, device));
    const queue = device.status?.paused ? await client.queues.get(`device/${device.name}`, { signal }) : undefined;
    await out.line(describeDevice(device, queue?.pause));
  });

  registerDeviceAdd(group, kit);
  registerDeviceUpdate(group, kit);
  registerDeviceImport(group, kit);
  registerAcceptHostKey(group, kit);
  registerDeviceLock(group, kit);
  registerResetBreaker(group, kit);

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
