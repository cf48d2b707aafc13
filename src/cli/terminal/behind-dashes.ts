import type { Command } from "commander";

/** How many words stood behind "--": the parser itself forgets where that was. */
export function wordsBehindDashes(program: Command): number {
  const { rawArgs } = program as Command & { readonly rawArgs: readonly string[] };
  const at = rawArgs.indexOf("--");
  return at < 0 ? 0 : rawArgs.length - at - 1;
}
