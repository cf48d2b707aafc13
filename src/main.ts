#!/usr/bin/env node
import { Command } from "commander";
import { registerCliCommands } from "./cli/index.js";
import { registerConfig } from "./commands/config.js";
import { registerDemo } from "./commands/demo.js";
import { registerDev } from "./commands/dev.js";
import { registerAdmitRestored } from "./commands/admit-restored.js";
import { registerFsck } from "./commands/fsck.js";
import { registerKeys } from "./commands/keys.js";
import { registerPlatformsCheck } from "./commands/platforms-check.js";
import { registerReplay } from "./commands/replay.js";
import { registerProcesses } from "./commands/server.js";
import { ConfigError } from "./config.js";
import { version } from "./version.js";

const program = new Command("pointsman")
  .description("A job service for network devices: one holder per device, warm SSH sessions, every line streamed")
  .version(version)
  .showHelpAfterError("(add --help for what there is)");

registerProcesses(program);
registerDev(program);
registerDemo(program);
registerConfig(program);
registerKeys(program);
registerFsck(program);
registerAdmitRestored(program);
registerReplay(program);
registerCliCommands(program);
const platforms = program.commands.find((command) => command.name() === "platforms");
if (platforms) registerPlatformsCheck(platforms);

try {
  await program.parseAsync();
} catch (error) {
  const lines =
    error instanceof ConfigError ? error.problems : [error instanceof Error ? error.message : String(error)];
  for (const line of lines) process.stderr.write(`error: ${line}\n`);
  process.exit(1);
}
