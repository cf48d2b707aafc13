import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { PlatformSchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "./command.js";
import { table } from "./table.js";

/** `platforms`: the kinds of devices that can be driven. */
export function registerPlatforms(program: Command, kit: CommandKit): void {
  const command = kit.command(program, "platforms", "List the platforms that can be driven");
  kit.run<CommonOptions>(command, async ({ client, out, signal }) => {
    const platforms = await client.devices.platforms({ signal });
    if (out.json)
      return await out.document({ platforms: platforms.map((platform) => toJson(PlatformSchema, platform)) });
    const rows = platforms.map(({ name, channel, modes, description }) => [
      name,
      channel,
      modes.join(","),
      description,
    ]);
    await out.line(table(["name", "channel", "modes", "description"], rows));
  });
}
