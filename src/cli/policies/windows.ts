import type { Command } from "commander";
import { durationFromMs, toJson } from "@pointsman/sdk";
import { ChangeWindowSchema, type ChangeTimes, type ChangeWindow } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { duration, time } from "../terminal/format.js";
import { collect, parseDuration } from "../terminal/parse.js";
import { scopeName, scopeOf, type ScopeOptions, withScope } from "./policy-scope.js";
import { table } from "../terminal/table.js";

interface WindowOptions extends ScopeOptions {
  readonly cron: readonly string[];
  readonly for: number;
  readonly timeZone?: string;
}

/** `windows`: recurring times in which alone changes start. */
export function registerWindows(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "windows", "Let changes start only in recurring times; reads always do");

  const list = kit.command(group, "list", "List the change windows (the default)", { isDefault: true });
  kit.run<CommonOptions>(list, async ({ client, out, signal }) => {
    const windows = await client.policies.listWindows({ signal });
    if (out.json) return await out.document({ windows: windows.map((one) => toJson(ChangeWindowSchema, one)) });
    if (windows.length === 0) return await out.note("no change window");
    const rows = windows.map((window) => [
      ...[window.name, turn(window), scopeName(window.scope), window.times.map(timesName).join("; ")],
      ...[window.owner, window.reason],
    ]);
    await out.line(table(["name", "now", "for", "times", "owner", "reason"], rows));
  });

  const create = withScope(kit.command(group, "create", "Have changes wait for recurring times"))
    .argument("<name>", "its name")
    .requiredOption("--cron <times>", 'when it opens, such as "0 2 * * TUE,THU"; may be repeated', collect)
    .requiredOption("--for <duration>", "how long it stays open each time, such as 3h", parseDuration)
    .option("--time-zone <name>", "whose clocks, such as Europe/Berlin (default: UTC)");
  kit.run<WindowOptions>(create, async ({ client, options, out, signal, words }) => {
    const { cron, timeZone = "", reason } = options;
    const times = cron.map((one) => ({ cron: one, timeZone, duration: durationFromMs(options.for) }));
    const wish = { name: words[0] ?? "", reason, scope: scopeOf(options), times };
    const window = await client.policies.createWindow(wish, { signal });
    if (out.json) return await out.document(toJson(ChangeWindowSchema, window));
    await out.line(`${window.name}: ${turn(window)}, for ${scopeName(window.scope)}`);
  });

  const remove = kit
    .command(group, "delete", "Forget a change window; what waited for it goes on")
    .argument("<name>", "its name");
  kit.run<CommonOptions>(remove, async ({ client, out, signal, words }) => {
    await client.policies.deleteWindow(words[0] ?? "", { signal });
    if (out.json) await out.document({});
    else await out.line(`window ${words[0]} is gone`);
  });
}

function turn({ open, turnTime }: ChangeWindow): string {
  const until = turnTime ? ` until ${time(turnTime)}` : "";
  return `${open ? "open" : "closed"}${until}`;
}

function timesName({ cron, duration: length, timeZone }: ChangeTimes): string {
  return `${cron} ${timeZone}, ${duration(length)}`;
}
