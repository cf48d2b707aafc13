import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { CommandAction, type CommandRule, CommandRuleSchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { collect, UsageError } from "../terminal/parse.js";
import { scopeName, scopeOf, type ScopeOptions, withScope } from "./policy-scope.js";
import { table } from "../terminal/table.js";

interface RuleOptions extends ScopeOptions {
  readonly deny?: readonly string[];
  readonly allow?: readonly string[];
  readonly except?: readonly string[];
  readonly platform?: readonly string[];
  readonly caller?: readonly string[];
}

/** `command-rules`: commands that are not sent to devices, and those that are although the platform denies them. */
export function registerCommandRules(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "command-rules", "Say which commands are sent to devices; see also `platforms`");

  const list = kit.command(group, "list", "List the command rules (the default)", { isDefault: true });
  kit.run<CommonOptions>(list, async ({ client, out, signal }) => {
    const rules = await client.policies.listCommandRules({ signal });
    if (out.json) return await out.document({ rules: rules.map((rule) => toJson(CommandRuleSchema, rule)) });
    if (rules.length === 0) return await out.note("no command rule");
    const rows = rules.map((rule) => [rule.name, what(rule), whom(rule), rule.owner, rule.reason]);
    await out.line(table(["name", "commands", "for", "owner", "reason"], rows));
  });

  const create = withScope(kit.command(group, "create", "Deny commands, or allow some that the platform denies"))
    .argument("<name>", "its name")
    .option("--deny <pattern>", 'commands that are not sent, such as "clear bgp"; may be repeated', collect)
    .option("--allow <pattern>", "commands that are sent although the platform denies them; may be repeated", collect)
    .option("--except <pattern>", "commands that the rule is not about; may be repeated", collect)
    .option("--platform <name>", "only on a platform; may be repeated", collect)
    .option("--caller <name>", "only for jobs of this API key; may be repeated", collect)
    .addHelpText(
      "after",
      '\nA pattern is the beginning of a command: "write erase"; "a|b" is either word, "*" any, "**" any number of them.\n' +
        'What is denied is denied also where it may be cut down ("wr er", "re"); what is allowed is to be typed whole, or\n' +
        'as far as a bracket says: "rel(oad)".',
    );
  kit.run<RuleOptions>(create, async ({ client, options, out, signal, words }) => {
    const { deny = [], allow = [], except, reason, platform: platforms, caller: callers } = options;
    if (deny.length > 0 === allow.length > 0) throw new UsageError("give either --deny or --allow");
    const action = deny.length > 0 ? ("deny" as const) : ("allow" as const);
    const patterns = [...deny, ...allow];
    const wish = { name: words[0] ?? "", action, patterns, except, reason, platforms, callers };
    const rule = await client.policies.createCommandRule({ ...wish, scope: scopeOf(options) }, { signal });
    if (out.json) return await out.document(toJson(CommandRuleSchema, rule));
    await out.line(`${rule.name}: ${what(rule)}, for ${whom(rule)}`);
  });

  const remove = kit.command(group, "delete", "Forget a command rule").argument("<name>", "its name");
  kit.run<CommonOptions>(remove, async ({ client, out, signal, words }) => {
    await client.policies.deleteCommandRule(words[0] ?? "", { signal });
    if (out.json) await out.document({});
    else await out.line(`command rule ${words[0]} is gone`);
  });
}

function what({ action, patterns, except }: CommandRule): string {
  const quoted = (list: readonly string[]): string => list.map((one) => `"${one}"`).join(", ");
  const but = except.length > 0 ? ` except ${quoted(except)}` : "";
  return `${action === CommandAction.ALLOW ? "allow" : "deny"} ${quoted(patterns)}${but}`;
}

function whom({ scope, platforms, callers }: CommandRule): string {
  const place = scopeName(scope);
  const parts = [
    ...(place === "everything" ? [] : [place]),
    ...(platforms.length > 0 ? [`platform ${platforms.join(", ")}`] : []),
    ...(callers.length > 0 ? [`jobs of ${callers.join(", ")}`] : []),
  ];
  return parts.length > 0 ? parts.join("; ") : "everything";
}
