import type { Command } from "commander";
import { timestampFromDate, toJson } from "@pointsman/sdk";
import { FreezeSchema, type Freeze } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { time } from "../terminal/format.js";
import { parseDuration, parseTime, UsageError } from "../terminal/parse.js";
import { scopeName, scopeOf, type ScopeOptions, withScope } from "./policy-scope.js";
import { table } from "../terminal/table.js";

interface FreezeOptions extends ScopeOptions {
  readonly from?: Date;
  readonly until?: Date;
  readonly for?: number;
}

/** `freezes`: times in which no change starts. */
export function registerFreezes(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "freezes", "Keep changes from starting for a time; reads go on");

  const list = kit.command(group, "list", "List the freezes (the default)", { isDefault: true });
  kit.run<CommonOptions>(list, async ({ client, out, signal }) => {
    const freezes = await client.policies.listFreezes({ signal });
    if (out.json) return await out.document({ freezes: freezes.map((freeze) => toJson(FreezeSchema, freeze)) });
    if (freezes.length === 0) return await out.note("no freeze");
    const rows = freezes.map((freeze) => [
      ...[freeze.name, freeze.active ? "yes" : "no", scopeName(freeze.scope)],
      ...[time(freeze.startTime), freeze.endTime ? time(freeze.endTime) : "deleted", freeze.owner, freeze.reason],
    ]);
    await out.line(table(["name", "active", "for", "from", "until", "owner", "reason"], rows));
  });

  const create = withScope(kit.command(group, "create", "Freeze changes, now or later"))
    .argument("<name>", "its name")
    .option("--from <time>", "when it begins, such as 2026-12-20T18:00 (default: now)", parseTime)
    .option("--until <time>", "when it ends (default: when it is deleted)", parseTime)
    .option("--for <duration>", "how long it lasts, such as 8h", parseDuration);
  kit.run<FreezeOptions>(create, async ({ client, options, out, signal, words, io }) => {
    const end = endOf(options, io.now());
    const freeze = await client.policies.createFreeze(
      {
        ...{ name: words[0] ?? "", reason: options.reason, scope: scopeOf(options) },
        ...(options.from && { startTime: timestampFromDate(options.from) }),
        ...(end && { endTime: timestampFromDate(end) }),
      },
      { signal },
    );
    if (out.json) return await out.document(toJson(FreezeSchema, freeze));
    await out.line(`${freeze.name}: ${describe(freeze)}`);
  });

  const remove = kit
    .command(group, "delete", "End a freeze and forget it; what waited goes on")
    .argument("<name>", "its name");
  kit.run<CommonOptions>(remove, async ({ client, out, signal, words }) => {
    await client.policies.deleteFreeze(words[0] ?? "", { signal });
    if (out.json) await out.document({});
    else await out.line(`freeze ${words[0]} is gone`);
  });
}

function endOf({ from, until, for: forMs }: FreezeOptions, now: Date): Date | undefined {
  if (until && forMs !== undefined) throw new UsageError("--until and --for cannot both be given");
  return forMs === undefined ? until : new Date((from ?? now).getTime() + forMs);
}

function describe(freeze: Freeze): string {
  const begin = freeze.active ? "now" : `from ${time(freeze.startTime)}`;
  const end = freeze.endTime ? `until ${time(freeze.endTime)}` : "until it is deleted";
  return `no change starts ${begin} ${end} on ${scopeName(freeze.scope)}`;
}
