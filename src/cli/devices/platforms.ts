import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { type PlatformConfiguration, PlatformSchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { table } from "../terminal/table.js";

/** `platforms`: the kinds of devices that can be driven. */
export function registerPlatforms(program: Command, kit: CommandKit): void {
  const command = kit.command(program, "platforms", "List the platforms that can be driven");
  kit.run<CommonOptions>(command, async ({ client, out, signal }) => {
    const platforms = await client.devices.platforms({ signal });
    if (out.json)
      return await out.document({ platforms: platforms.map((platform) => toJson(PlatformSchema, platform)) });
    const rows = platforms.map(({ name, modes, evidence, configuration, origin, overridesBuiltIn, description }) => [
      name,
      modes.join(","),
      evidence,
      configurationOf(configuration),
      overridesBuiltIn ? `${origin} (in place of ours)` : origin,
      description,
    ]);
    await out.line(table(["name", "modes", "evidence", "configure (evidence)", "origin", "description"], rows));
  });
}

/** What can be done about the configuration, each part with what the knowledge of it rests on. */
function configurationOf(configuration: PlatformConfiguration | undefined): string {
  if (!configuration) return "no";
  const { evidence, candidate, confirmEvidence, confirmReboots, saveEvidence } = configuration;
  return [
    `${candidate ? "candidate" : "immediate"} (${evidence})`,
    ...(confirmEvidence === "" ? [] : [`confirmed${confirmReboots ? ", reboots" : ""} (${confirmEvidence})`]),
    ...(saveEvidence === "" ? [] : [`save (${saveEvidence})`]),
  ].join(", ");
}
