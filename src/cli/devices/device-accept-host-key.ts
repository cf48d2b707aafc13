import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { DeviceSchema, JobState } from "@pointsman/sdk/v1";
import { type CommandKit, type CommonOptions, type Context } from "../terminal/command.js";
import { UsageError } from "../terminal/parse.js";

interface AcceptOptions extends CommonOptions {
  readonly hostKey?: string;
  readonly fingerprint?: string;
}

/** `devices accept-host-key`: looks at the key a device shows, and accepts it in place of those known before. */
export function registerAcceptHostKey(group: Command, kit: CommandKit): void {
  const command = kit
    .command(group, "accept-host-key", "Accept the host key that a device shows, after asking")
    .argument("<name>", "the device")
    .option("--host-key <key>", 'accept this key, such as "ssh-ed25519 AAAA…", without looking')
    .option("--fingerprint <fingerprint>", "accept the key if this is its fingerprint, without asking");
  kit.run<AcceptOptions>(command, async (context) => {
    const { client, options, out, signal, words } = context;
    const name = words[0] ?? "";
    const hostKey = options.hostKey ?? (await shownKey(context, name));
    if (hostKey === undefined) return await out.note(`${name} shows a key that is known already`);
    const device = await client.devices.acceptHostKey(name, hostKey, { signal });
    if (out.json) await out.document(toJson(DeviceSchema, device));
    else await out.line(`${name}: host key accepted`);
  });
}

/** The key that the device shows, agreed to; undefined when it is known already. Throws when a bastion's keeps us from seeing it. */
async function shownKey(context: Context<AcceptOptions>, name: string): Promise<string | undefined> {
  const { client, options, out, secrets, signal } = context;
  const job = await client.jobs.run({ device: name, probe: true }, { signal });
  if (job.state === JobState.SUCCEEDED) {
    const result = job.result?.result;
    const shown = result?.case === "probe" ? result.value.hostKeyFingerprint : "";
    if (options.fingerprint !== undefined && options.fingerprint !== shown)
      throw otherKey(name, shown, options.fingerprint);
    return undefined;
  }
  const { host_key: hostKey, fingerprint = "", hop } = job.error?.metadata ?? {};
  if (hostKey === undefined) throw new Error(`${name} showed no key: ${job.error?.message ?? "the probe failed"}`);
  if (hop !== undefined) {
    const words = `that is a bastion's key: \`pointsman devices update ${name} --known-hosts FILE\` takes it`;
    throw new Error(`${job.error?.message ?? hop}; ${words}`);
  }
  if (options.fingerprint !== undefined) {
    if (options.fingerprint === fingerprint) return hostKey;
    throw otherKey(name, fingerprint, options.fingerprint);
  }
  await out.note(`${name} shows ${hostKey.split(" ")[0] ?? "a key"} ${fingerprint}`);
  if (job.error?.reason === "HOST_KEY_CHANGED") await out.note("it is another key than the one known before");
  const agreed = await secrets.confirm("accept it?");
  if (agreed === undefined) throw new UsageError("without a terminal to ask, give --fingerprint or --host-key");
  if (!agreed) throw new Error("not accepted");
  return hostKey;
}

function otherKey(name: string, shown: string, expected: string): Error {
  return new Error(`${name} shows ${shown}, not ${expected}`);
}
