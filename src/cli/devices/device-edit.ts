import type { Command } from "commander";
import { toJson, type BastionInput, type CryptoProfileName, type DeviceFields } from "@pointsman/sdk";
import { DeviceSchema, type Device } from "@pointsman/sdk/v1";
import { readTextFile, type CommandKit, type CommonOptions } from "../terminal/command.js";
import { inventoryBastions } from "./bastions.js";
import { requireKnownHostKeys } from "./known-hosts.js";
import { collect, collectPairs, oneOf, parseDuration, parseInteger, UsageError } from "../terminal/parse.js";
import type { Output } from "../terminal/output.js";

interface EditOptions extends CommonOptions {
  readonly address?: string;
  readonly port?: number;
  readonly platform?: string;
  readonly credential?: string;
  readonly zone?: string;
  readonly exclusiveKey?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly removeLabel?: readonly string[];
  readonly hostKey?: readonly string[];
  readonly knownHosts?: string;
  readonly hostKeyPolicy?: "default" | "strict" | "accept-new";
  readonly connectTimeout?: number;
  readonly bastion?: readonly string[];
  readonly changeCredential?: string;
  readonly cryptoProfile?: CryptoProfileName;
  readonly maxSessions?: number;
  readonly connectsPerMinute?: number;
  readonly expectHostName?: string;
  readonly expectSerial?: string;
}

/** `devices add`. */
export function registerDeviceAdd(group: Command, kit: CommandKit): void {
  const command = withFields(kit.command(group, "add", "Add a device").argument("<name>", "its name"));
  kit.run<EditOptions>(command, async ({ client, options, out, signal, words }) => {
    const name = words[0] ?? "";
    const { platform, credential, address = name } = options;
    if (platform === undefined) throw new UsageError("--platform is missing; `pointsman platforms` lists them");
    if (credential === undefined)
      throw new UsageError("--credential is missing; `pointsman credentials add` stores one");
    const hostKeys = await hostKeysOf(options, address, options.port ?? 22);
    const given = { name, address, platform, credential, labels: options.label, hostKeys };
    const device = { ...fieldsOf(options), ...given, bastions: await bastionsOf(options) };
    await tell(out, await client.devices.create(device, { signal }), "added");
  });
}

/** `devices update`. */
export function registerDeviceUpdate(group: Command, kit: CommandKit): void {
  const command = withFields(kit.command(group, "update", "Change what is given").argument("<name>", "the device"));
  command.option("--remove-label <key>", "remove a label; may be repeated", collect);
  kit.run<EditOptions>(command, async ({ client, options, out, signal, words }) => {
    const name = words[0] ?? "";
    const now = await client.devices.get(name, { signal });
    const address = options.address ?? now.address;
    const hostKeys = await hostKeysOf(options, address, options.port ?? (now.port || 22));
    const changes = {
      ...fieldsOf(options, now),
      ...(hostKeys === undefined ? {} : { hostKeys }),
      ...(options.bastion === undefined ? {} : { bastions: await bastionsOf(options) }),
      ...(options.label || options.removeLabel ? { labels: mergedLabels(now, options) } : {}),
    };
    if (Object.keys(changes).length === 0) throw new UsageError("nothing to change");
    await tell(out, await client.devices.update(name, changes, { signal }), "changed");
  });
}

function withFields(command: Command): Command {
  return command
    .option("--address <host>", "host name or IP address (default of a new device: its name)")
    .option("--port <number>", "SSH port (default: 22)", parseInteger("--port", 1, 65_535))
    .option("--platform <name>", "what it is, see `pointsman platforms`")
    .option("--credential <name>", "how to log in, see `pointsman credentials`")
    .option("--zone <name>", "the zone whose workers reach it (default: default)")
    .option("--exclusive-key <key>", "shares exclusivity with every device of the same key")
    .option("--label <key=value>", "sets a label; may be repeated", collectPairs("--label"))
    .option("--host-key <key>", 'known host key, such as "ssh-ed25519 AAAA…"; may be repeated', collect)
    .option("--known-hosts <file>", "takes its host keys, and its bastions', from this file")
    .option(
      "--host-key-policy <policy>",
      "how an unknown host key is met: default, strict or accept-new",
      oneOf("--host-key-policy", ["default", "strict", "accept-new"]),
    )
    .option("--connect-timeout <duration>", "time to connect and log in, such as 20s", parseDuration)
    .option(
      "--bastion <credential@host[:port]>",
      "go to it through this host, logging in with a stored credential; repeated: through all, in order; none: directly",
      collect,
    )
    .option(
      "--max-sessions <number>",
      "sessions on it at a time; 0: the platform's",
      parseInteger("--max-sessions", 0, 100),
    )
    .option(
      "--connects-per-minute <number>",
      "connections begun in a minute; 0: the platform's",
      parseInteger("--connects-per-minute", 0, 6_000),
    )
    .option("--expect-host-name <name>", "the name it must say before anything is changed on it; empty: any")
    .option("--expect-serial <number>", "the serial number it must tell before that; empty: any")
    .option("--change-credential <name>", "how to log in for work that can change it; empty: as for reads")
    .option(
      "--crypto-profile <profile>",
      "how old the algorithms may be: auto, modern, compat or legacy",
      oneOf("--crypto-profile", ["auto", "modern", "compat", "legacy"]),
    );
}

async function bastionsOf({ bastion: texts, knownHosts }: EditOptions): Promise<BastionInput[] | undefined> {
  if (texts === undefined) return undefined;
  if (texts.length === 1 && texts[0] === "none") return [];
  const known = knownHosts === undefined ? undefined : { file: knownHosts, text: await readTextFile(knownHosts) };
  return inventoryBastions(texts, known);
}

function fieldsOf(options: EditOptions, now?: Device): Partial<DeviceFields> {
  const { address, port, platform, credential, zone, exclusiveKey, hostKeyPolicy, connectTimeout } = options;
  const { changeCredential, cryptoProfile, maxSessions, connectsPerMinute } = options;
  const fields = {
    address,
    port,
    platform,
    credential,
    zone,
    exclusiveKey,
    hostKeyPolicy,
    connectTimeoutMs: connectTimeout,
    changeCredential,
    cryptoProfile,
    maxSessions,
    connectsPerMinute,
    expect: expectOf(options, now),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What is not given stays as it is. */
function expectOf({ expectHostName, expectSerial }: EditOptions, now?: Device): DeviceFields["expect"] {
  if (expectHostName === undefined && expectSerial === undefined) return undefined;
  const { hostName, serial } = now?.expect ?? {};
  return { hostName: expectHostName ?? hostName, serial: expectSerial ?? serial };
}

async function hostKeysOf(options: EditOptions, address: string, port: number): Promise<string[] | undefined> {
  if (options.hostKey === undefined && options.knownHosts === undefined) return undefined;
  const listed =
    options.knownHosts === undefined
      ? []
      : requireKnownHostKeys(await readTextFile(options.knownHosts), options.knownHosts, address, port);
  return [...(options.hostKey ?? []), ...listed];
}

function mergedLabels(now: Device, options: EditOptions): Record<string, string> {
  const removed = new Set(options.removeLabel);
  return Object.fromEntries(Object.entries({ ...now.labels, ...options.label }).filter(([key]) => !removed.has(key)));
}

async function tell(out: Output, device: Device, what: string): Promise<void> {
  if (out.json) await out.document(toJson(DeviceSchema, device));
  else await out.line(`${device.name} ${what} (${device.endpoint || device.address})`);
}
