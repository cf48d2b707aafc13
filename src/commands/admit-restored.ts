import type { Command } from "commander";
import { restoreHold } from "../domain/hold.js";
import { configOption } from "./server.js";
import { withStore } from "./with-store.js";

/** `pointsman admit-restored`: a person's word that the changes of a restored backup may be made. */
export function registerAdmitRestored(program: Command): void {
  program
    .command("admit-restored")
    .description("let changes go on that waited in old data which Redis came back with (works on Redis directly)")
    .option("--zone <name>", "only of this zone")
    .addOption(configOption())
    .action(async ({ zone, config }: { readonly zone?: string; readonly config?: string }) => {
      await withStore(config, async (store) => {
        const known = [...(await store.zones()).keys()];
        if (zone !== undefined && !known.includes(zone)) {
          throw new Error(`no zone ${zone}; there are: ${known.sort().join(", ") || "none"}`);
        }
        const zones = zone === undefined ? known : [zone];
        for (const one of zones) {
          const { devices } = await store.upkeep.lift(one, restoreHold);
          process.stdout.write(`zone ${one}: ${devices} devices take changes again\n`);
        }
      });
    });
}
