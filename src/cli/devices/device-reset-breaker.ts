import type { Command } from "commander";
import type { CommandKit, CommonOptions } from "../terminal/command.js";

/** `devices reset-breaker`: lets work connect again after failures in a row. */
export function registerResetBreaker(group: Command, kit: CommandKit): void {
  const command = kit
    .command(
      group,
      "reset-breaker",
      "Let work connect again, to devices and with their credentials, after failures in a row",
    )
    .argument("<names...>", "the devices");
  kit.run<CommonOptions>(command, async ({ client, out, signal, words }) => {
    const closed: Record<string, number> = {};
    for (const name of words) {
      closed[name] = await client.devices.resetBreaker(name, { signal });
      if (!out.json)
        await out.line(`${name}: ${closed[name] === 0 ? "no failures were counted" : "may be connected to"}`);
    }
    if (out.json) await out.document({ closed });
  });
}
