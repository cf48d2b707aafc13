import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { loadConfig } from "../config.js";
import { systemClock } from "../system/clock.js";
import { configOption } from "./server.js";

/** `pointsman replay FILE`: a job's debug transcript through the same engine, without a device. */
export function registerReplay(program: Command): void {
  program
    .command("replay <file>")
    .description("run a job's debug transcript through the device engine again, offline")
    .addOption(configOption())
    .action(async (file: string, { config }: { readonly config?: string }) => {
      const { DeviceError, installedPlatforms, replayTranscript } = await import("../device/index.js");
      const platforms = installedPlatforms(loadConfig(config, process.env).platformsDir, systemClock.now());
      const text = await readFile(file, "utf8");
      // The engine's timers do not hold the process, and there is no connection that would.
      const hold = setInterval(() => undefined, 60_000);
      for await (const { step, output, outcome, error, mode, prompt } of replayTranscript(text, {
        clock: systemClock,
        platform: (name) => platforms.get(name),
      })) {
        process.stdout.write(`> ${step}\n${output}${output === "" || output.endsWith("\n") ? "" : "\n"}`);
        if (outcome)
          process.stdout.write(
            `= ${outcome.status} in ${Math.round(outcome.durationMs)} ms, mode ${mode ?? "?"}, prompt ${prompt ?? ""}\n`,
          );
        for (const line of outcome?.errorLines ?? []) process.stdout.write(`! ${line}\n`);
        if (error) {
          process.exitCode = 1;
          const reason = error instanceof DeviceError ? error.reason : error.name;
          process.stdout.write(`= ${reason}: ${error.message}\n`);
        }
      }
      clearInterval(hold);
    });
}
