import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { LimitSchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { collect, parseInteger } from "../terminal/parse.js";
import { table } from "../terminal/table.js";

interface LimitOptions extends CommonOptions {
  readonly zone?: string;
}

/** `limits`: how much runs at a time. */
export function registerLimits(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "limits", "Limit how many jobs run at a time");

  const list = kit
    .command(group, "list", "List the limits (the default)", { isDefault: true })
    .option("--zone <name>", "by zone; may be repeated", collect);
  kit.run<CommonOptions & { readonly zone?: readonly string[] }>(list, async ({ client, options, out, signal }) => {
    const limits = await client.queues.limits({ zones: options.zone }, { signal });
    if (out.json) return await out.document({ limits: limits.map((limit) => toJson(LimitSchema, limit)) });
    if (limits.length === 0) return await out.note("no limit");
    const rows = limits.map(({ zone, name, maxRunning }) => [zone, name, String(maxRunning)]);
    await out.line(table(["zone", "name", "at a time"], rows));
  });

  const most = parseInteger("the number", 1, 1_000_000);
  const set = named(kit.command(group, "set", "Set a limit, or change it")).argument("<max>", "jobs at a time", most);
  kit.run<LimitOptions>(set, async ({ client, options, out, signal, words }) => {
    const limit = await client.queues.setLimit(words[0] ?? "", most(words[1] ?? ""), { zone: options.zone, signal });
    if (out.json) await out.document(toJson(LimitSchema, limit));
    else await out.line(`${limit.name}: ${limit.maxRunning} at a time in zone ${limit.zone}`);
  });

  const lift = named(kit.command(group, "lift", "Take a limit away"));
  kit.run<LimitOptions>(lift, async ({ client, options, out, signal, words }) => {
    const limit = await client.queues.setLimit(words[0] ?? "", 0, { zone: options.zone, signal });
    if (out.json) await out.document(toJson(LimitSchema, limit));
    else await out.line(`${limit.name}: no limit in zone ${limit.zone}`);
  });
}

function named(command: Command): Command {
  return command
    .argument("<name>", "queue/<name>, caller/<name>, or label/<key>, which holds for each of its values by itself")
    .option("--zone <name>", "the zone (default: default)");
}
