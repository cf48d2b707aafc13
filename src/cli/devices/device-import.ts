import type { Command } from "commander";
import { durationFromMs, fromJson, toJson } from "@pointsman/sdk";
import { DeviceSchema, type Device } from "@pointsman/sdk/v1";
import { parse } from "yaml";
import { errorJson, readTextFile, status, type CommandKit, type CommonOptions } from "../terminal/command.js";
import { knownHostKeys } from "./known-hosts.js";
import { parseDuration, UsageError } from "../terminal/parse.js";

interface ImportOptions extends CommonOptions {
  readonly knownHosts?: string;
}

const example = `
The file holds a list, or a list under "devices", with the fields of the contract:

  defaults: { platform: cisco_ios, credential: lab }
  devices:
    - { name: r1, address: 10.0.0.1, labels: { site: ber } }
    - { name: r2, address: 10.0.0.2, port: 2222, connect_timeout: 20s, host_key_policy: strict }`;

/** `devices import`: many devices from a YAML file. */
export function registerDeviceImport(group: Command, kit: CommandKit): void {
  const command = kit
    .command(group, "import", "Add devices from a YAML file; one that is refused does not hinder the others")
    .argument("<file>", "the file")
    .option("--known-hosts <file>", "takes the host keys from this file, of the devices that are in it")
    .addHelpText("after", example);
  kit.run<ImportOptions>(command, async ({ client, options, out, signal, words }) => {
    const known = options.knownHosts === undefined ? undefined : await readTextFile(options.knownHosts);
    const devices = parseDevices(await readTextFile(words[0] ?? ""));
    for (const device of devices) {
      if (known) device.hostKeys.push(...knownHostKeys(known, device.address, device.port || 22));
    }
    const results = await client.devices.createMany(devices, { signal });
    const refused = results.flatMap(({ error }, index) => (error ? [{ name: devices[index]?.name ?? "", error }] : []));
    const added = results.flatMap(({ device }) => (device ? [device] : []));
    if (out.json) {
      await out.document({
        added: added.map((device) => toJson(DeviceSchema, device)),
        refused: refused.map(({ name, error }) => ({ name, error: errorJson(error) })),
      });
    } else {
      for (const { name, error } of refused) {
        await out.note(`${name}: error: ${error.message}${error.reason ? ` (${error.reason})` : ""}`);
      }
      await out.line(`${added.length} added, ${refused.length} refused`);
    }
    return refused.length > 0 ? status.failed : status.ok;
  });
}

/** Reads the devices of an import file. Throws a UsageError that names the entry. */
export function parseDevices(text: string): Device[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new UsageError(`the file is no YAML: ${(error as Error).message.split("\n")[0] ?? ""}`);
  }
  const { devices = document, defaults = {} } = isObject(document) ? document : {};
  if (!Array.isArray(devices) || !isObject(defaults)) throw new UsageError("the file holds no list of devices");
  return devices.map((entry: unknown, index) => {
    if (!isObject(entry)) throw new UsageError(`entry ${index + 1} is no device`);
    const where = typeof entry["name"] === "string" ? entry["name"] : `entry ${index + 1}`;
    try {
      return fromJson(DeviceSchema, contractForm({ ...defaults, ...entry }) as Parameters<typeof fromJson>[1]);
    } catch (error) {
      throw new UsageError(`${where}: ${(error as Error).message.replace(/pointsman\.v1\./g, "")}`);
    }
  });
}

/** What people write in YAML, as the contract's JSON has it: durations, enum names, text where YAML read a number. */
function contractForm(entry: Record<string, unknown>): Record<string, unknown> {
  const { labels, ...fields } = entry;
  for (const key of ["connect_timeout", "connectTimeout"]) {
    const value = fields[key];
    if (typeof value === "string" || typeof value === "number") {
      const { seconds, nanos } = durationFromMs(parseDuration(String(value)));
      fields[key] = `${seconds}.${String(nanos).padStart(9, "0")}s`;
    }
  }
  for (const key of ["host_key_policy", "hostKeyPolicy"]) {
    const value = fields[key];
    if (typeof value === "string" && /^[a-z-]+$/.test(value)) {
      fields[key] = `HOST_KEY_POLICY_${value.toUpperCase().replaceAll("-", "_")}`;
    }
  }
  if (!isObject(labels)) return { ...fields, ...(labels === undefined ? {} : { labels }) };
  return { ...fields, labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, text(value)])) };
}

function text(value: unknown): unknown {
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
