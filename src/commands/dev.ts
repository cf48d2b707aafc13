import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { settings } from "../config.js";
import type { Stack } from "../dev/stack.js";
import { whole } from "../setting-readers.js";
import { createLogger, type LogLevel, logLevels } from "../telemetry/logger.js";
import { runUntilSignal } from "./run-process.js";
import { readAs } from "./server.js";

/** Where the other commands look for the server unless told otherwise. */
const defaultPort = 9000;

/** A command to begin with, as it works in a new shell: with the server's URL where that is not the usual one. */
export function firstCommand(url: string, device: string): string {
  const place = url === `http://127.0.0.1:${defaultPort}` ? "" : `POINTSMAN_URL=${url} `;
  return `${place}pointsman exec ${device} -- show version`;
}

interface DevOptions {
  readonly data: string;
  readonly host: string;
  readonly port: number;
  readonly devices: number;
  readonly logLevel: LogLevel;
}

/** `pointsman dev`: everything embedded, for a first look and for development. */
export function registerDev(program: Command): void {
  program
    .command("dev")
    .description("run everything in one process: a private Redis, server, worker and simulated devices")
    .option("--data <dir>", "data folder", ".pointsman")
    .option("--host <address>", "address to listen on", readAs(settings.host), "127.0.0.1")
    .option("--port <port>", "port to listen on; 0 takes a free one", readAs(settings.port), defaultPort)
    .option("--devices <count>", "simulated devices", readAs({ read: whole(0, 100_000) }), 8)
    .addOption(new Option("--log-level <level>", "what is logged").choices(logLevels).default("warn"))
    .action(async ({ data, host, port, devices, logLevel }: DevOptions) => {
      const { startStack } = await import("../dev/stack.js");
      let stack: Stack | undefined;
      const service = {
        async start() {
          const dataDir = resolve(data);
          stack = await startStack({ dataDir, host, port, devices, logger: createLogger(logLevel) });
          const names = stack.devices.map((device) => device.name);
          process.stdout.write(`Pointsman is ready at ${stack.url}\n`);
          if (names.length > 0) process.stdout.write(`Simulated devices: ${names.join(" ")}\n`);
          process.stdout.write(`Try: ${firstCommand(stack.url, names[1] ?? names[0] ?? "DEVICE")}\n`);
        },
        stop: async () => stack?.stop(),
      };
      await runUntilSignal([service]);
    });
}
