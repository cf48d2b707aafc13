import { type Command, InvalidArgumentError, Option } from "commander";
import { type Config, loadConfig, settings } from "../config.js";
import { createLogger } from "../telemetry/logger.js";
import { changeLogLevelOnSignal } from "./log-level-signal.js";
import { createLiveConfig } from "./live-config.js";
import { type PrepareReload, reloadOnSignal } from "./reload-signal.js";
import { runUntilSignal } from "./run-process.js";
import { beatToWatcher, isWatched, runWatched } from "./watched-process.js";

/** The option that names the configuration file. */
export function configOption(): Option {
  return new Option("--config <file>", "configuration file (YAML)").env("POINTSMAN_CONFIG");
}

/** Reads an option as the setting that it stands in the place of. */
export function readAs<T>({ read }: { readonly read: (value: unknown) => T }): (value: string) => T {
  return (value) => {
    try {
      return read(value);
    } catch (error) {
      throw new InvalidArgumentError(`It ${(error as Error).message}.`);
    }
  };
}

/** `pointsman server` and `pointsman worker`: one process each. */
export function registerProcesses(program: Command): void {
  program
    .command("server")
    .description("serve the API and do what happens by time")
    .addOption(configOption())
    .option("--host <address>", "address to listen on", readAs(settings.host))
    .option("--port <port>", "port to listen on", readAs(settings.port))
    .action(async ({ config, host, port }: { config?: string; host?: string; port?: number }) => {
      const overrides: Partial<Config> = {
        ...(host === undefined ? {} : { host }),
        ...(port === undefined ? {} : { port }),
      };
      const read = (): Config => loadConfig(config, process.env, overrides);
      const live = createLiveConfig(read());
      const logger = createLogger(live.config.logLevel);
      changeLogLevelOnSignal(logger, () => live.config.logLevel);
      const prepare: PrepareReload[] = [];
      reloadOnSignal({ logger, live, read, prepare });
      const { assembleMetrics, assembleServer, openBase } = await import("./assemble.js");
      const base = await openBase(live.config, logger);
      const server = assembleServer(base);
      prepare.push(server.prepareReload);
      try {
        await runUntilSignal([...assembleMetrics(base), server]);
      } finally {
        await base.close();
      }
    });
  program
    .command("worker")
    .description("claim jobs and run them on devices")
    .addOption(configOption())
    .action(async ({ config }: { config?: string }) => {
      const read = (): Config => loadConfig(config, process.env);
      const live = createLiveConfig(read());
      if (!isWatched(process.env)) {
        process.exitCode = await runWatched();
        return;
      }
      const logger = createLogger(live.config.logLevel);
      changeLogLevelOnSignal(logger, () => live.config.logLevel);
      reloadOnSignal({ logger, live, read, prepare: [] });
      // The watcher, which ended above, runs for as long as the worker, and needs none of this.
      const { assembleMetrics, assembleWorker, openBase } = await import("./assemble.js");
      const base = await openBase(live.config, logger);
      beatToWatcher();
      try {
        const worker = assembleWorker(base);
        await runUntilSignal([...assembleMetrics(base), worker], worker.left);
      } finally {
        await base.close();
      }
    });
}
