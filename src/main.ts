#!/usr/bin/env node
import { Command } from "commander";
import { registerProcesses } from "./commands/server.js";
import { ConfigError } from "./config.js";
import { version } from "./version.js";

const program = new Command("pointsman")
  .description("A job service for network devices: one holder per device, warm SSH sessions, every line streamed")
  .version(version)
  .showHelpAfterError("(add --help for what there is)")
  // The command line's own faults end with the status that shells use for them.
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

registerProcesses(program);
// A worker that died is to be back soon, and its watcher stays as long as it does: neither loads what people run.
if (!program.commands.some((command) => command.name() === process.argv[2])) {
  const { registerCommands } = await import("./commands/index.js");
  registerCommands(program);
}

try {
  await program.parseAsync();
} catch (error) {
  const lines =
    error instanceof ConfigError ? error.problems : [error instanceof Error ? error.message : String(error)];
  for (const line of lines) process.stderr.write(`error: ${line}\n`);
  process.exit(1);
}
