import type { Command } from "commander";
import { registerCliCommands } from "../cli/index.js";
import { registerAdmitRestored } from "./admit-restored.js";
import { registerConfig } from "./config.js";
import { registerDemo } from "./demo.js";
import { registerDev } from "./dev.js";
import { registerFsck } from "./fsck.js";
import { registerKeys } from "./keys.js";
import { registerPlatformsCheck } from "./platforms-check.js";
import { registerReplay } from "./replay.js";

/** Everything that a person runs: what comes embedded, what an operator does beside the service, and the callers' commands. */
export function registerCommands(program: Command): void {
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
}
