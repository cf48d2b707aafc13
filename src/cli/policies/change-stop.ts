import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { ChangeStopSchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { stopName } from "../terminal/format.js";

/** `stop-changes` and `allow-changes`: the brake of the whole installation. */
export function registerChangeStop(program: Command, kit: CommandKit): void {
  const stop = kit
    .command(program, "stop-changes", "Stop changes everywhere, within a second; reads go on")
    .requiredOption("--reason <text>", "why, for those who meet it");
  kit.run<CommonOptions & { readonly reason: string }>(stop, async ({ client, options, out, signal }) => {
    const stopped = await client.policies.stopChanges(options.reason, { signal });
    if (out.json) return await out.document(toJson(ChangeStopSchema, stopped));
    await out.line(`changes are stopped by ${stopName(stopped)}`);
    await out.note("what ran stops before its next line; `pointsman allow-changes` lets changes start again");
  });

  const allow = kit.command(program, "allow-changes", "Let changes start again that stop-changes stopped");
  kit.run<CommonOptions>(allow, async ({ client, out, signal }) => {
    const lifted = await client.policies.allowChanges({ signal });
    if (out.json) return await out.document(lifted ? { lifted: toJson(ChangeStopSchema, lifted) } : {});
    await out.line(lifted ? `changes go on; they were stopped by ${stopName(lifted)}` : "changes were not stopped");
  });
}
