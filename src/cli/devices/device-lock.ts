import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { DeviceSchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { lockName } from "../terminal/format.js";
import { parseDuration } from "../terminal/parse.js";

interface LockOptions extends CommonOptions {
  readonly reason: string;
  readonly all?: boolean;
  readonly for?: number;
}

interface UnlockOptions extends CommonOptions {
  readonly force?: boolean;
}

/** `devices lock` and `devices unlock`. */
export function registerDeviceLock(group: Command, kit: CommandKit): void {
  const lock = kit
    .command(group, "lock", "Keep others' work from starting on a device; your own passes, what runs goes on")
    .argument("<name>", "the device")
    .requiredOption("--reason <text>", "why, for those who meet the lock")
    .option("--all", "keep all work from starting, not only what can change the device")
    .option("--for <duration>", "how long, such as 2h (default: until it is unlocked)", parseDuration);
  kit.run<LockOptions>(lock, async ({ client, options, out, signal, words }) => {
    const { reason, all, for: forMs } = options;
    const scope = all ? ("all" as const) : ("changes" as const);
    const device = await client.devices.lock(words[0] ?? "", { scope, reason, forMs }, { signal });
    if (out.json) return await out.document(toJson(DeviceSchema, device));
    const by = device.status?.lock;
    await out.line(`${device.name} is locked${by ? ` by ${lockName(by)}` : ""}`);
  });

  const unlock = kit
    .command(group, "unlock", "Take a lock away")
    .argument("<name>", "the device")
    .option("--force", "also when somebody else has locked it; for admins");
  kit.run<UnlockOptions>(unlock, async ({ client, options, out, signal, words }) => {
    const device = await client.devices.unlock(words[0] ?? "", { force: options.force, signal });
    if (out.json) await out.document(toJson(DeviceSchema, device));
    else await out.line(`${device.name} is unlocked`);
  });
}
