import type { Command } from "commander";
import type { PolicyScope } from "@pointsman/sdk/v1";
import type { CommonOptions } from "../terminal/command.js";
import { labels } from "../terminal/format.js";
import { collect, collectPairs } from "../terminal/parse.js";

/** What a policy holds for, as options say it, and why. */
export interface ScopeOptions extends CommonOptions {
  readonly zone?: readonly string[];
  readonly device?: readonly string[];
  readonly label?: Readonly<Record<string, string>>;
  readonly reason: string;
}

/** Adds the options that say what a policy holds for, and why. */
export function withScope(command: Command): Command {
  return command
    .requiredOption("--reason <text>", "why, for those who meet it")
    .option("--zone <name>", "only in a zone; may be repeated", collect)
    .option("--device <name>", "only for a device; may be repeated", collect)
    .option("--label <key=value>", "only for devices with the label; may be repeated", collectPairs("--label"));
}

/** The scope that options say. */
export function scopeOf({ zone = [], device = [], label = {} }: ScopeOptions) {
  return { zones: [...zone], devices: [...device], labels: { ...label } };
}

/** What a policy holds for, on one line. */
export function scopeName(scope: PolicyScope | undefined): string {
  if (!scope) return "everything";
  const parts = [
    ...(scope.zones.length > 0 ? [`zone ${scope.zones.join(", ")}`] : []),
    ...(scope.devices.length > 0 ? [scope.devices.join(", ")] : []),
    ...(Object.keys(scope.labels).length > 0 ? [labels(scope.labels)] : []),
  ];
  return parts.length > 0 ? parts.join("; ") : "everything";
}
