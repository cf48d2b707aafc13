import { access, constants } from "node:fs/promises";
import type { Command } from "commander";
import { stringify } from "yaml";
import { type Config, ConfigError, loadConfig, settings } from "../config.js";
import { loadSealingKey } from "../secrets/sealing-key.js";
import { systemClock } from "../system/clock.js";
import { tryFolder } from "../worker/journal-files.js";
import { JournalFolderError } from "../worker/journals.js";
import { readCertificate } from "./certificate.js";
import { configOption } from "./server.js";

/** `pointsman config`: what a server or a worker would run with, without starting one. */
export function registerConfig(program: Command): void {
  const config = program.command("config").description("check and show the settings of servers and workers");
  config
    .command("check")
    .description("say all that is wrong with the settings; ends with 1 when something is")
    .option("--redis", "also ask Redis whether it is set as servers and workers need it")
    .addOption(configOption())
    .action(async ({ config: file, redis }: { config?: string; redis?: boolean }) => {
      const settings = loadConfig(file, process.env);
      await checkFiles(settings);
      if (redis) await checkRedis(settings);
      process.stdout.write("The settings are valid.\n");
    });
  config
    .command("print")
    .description("print the settings as a configuration file: given ones and defaults, secrets masked")
    .addOption(configOption())
    .action(({ config: file }: { config?: string }) => {
      process.stdout.write(stringify(printable(loadConfig(file, process.env))));
    });
}

/** Reads what the settings name, as a server or a worker would. Throws ConfigError with all that is wrong. */
async function checkFiles(config: Config): Promise<void> {
  const { installedPlatforms } = await import("../device/index.js");
  const { sealingKey: env, sealingKeyFile: file, platformsDir } = config;
  const read = await Promise.allSettled([
    loadSealingKey({ ...(env === undefined ? {} : { env }), ...(file === undefined ? {} : { file }) }),
    readCertificate(config),
    Promise.resolve().then(() => installedPlatforms(platformsDir, systemClock.now())),
    ...config.taskModules.map(checkModule),
    checkJournalDir(config.journalDir),
  ]);
  const problems = read.flatMap((one) => {
    if (one.status === "fulfilled") return [];
    return one.reason instanceof ConfigError ? one.reason.problems : [(one.reason as Error).message];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}

async function checkModule(path: string): Promise<void> {
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw new Error(`worker.task_modules: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  });
}

/** Where none is named the working directory decides, which is that of the worker. */
async function checkJournalDir(dir: string): Promise<void> {
  if (dir === settings.journalDir.fallback) return;
  await tryFolder(dir).catch((error: unknown) => {
    throw new JournalFolderError(dir, error);
  });
}

/** Asks Redis what a server would ask it at its start, and says what was allowed all the same. */
async function checkRedis(settings: Config): Promise<void> {
  const { openFitStore } = await import("./assemble.js");
  const store = await openFitStore(settings);
  try {
    const allowed = (await store.condition.servers()).flatMap((server) => server.allowed);
    for (const what of new Set(allowed)) process.stdout.write(`Allowed by redis.allow_relaxed_durability: ${what}\n`);
    process.stdout.write("Redis is fit.\n");
  } finally {
    await store.close();
  }
}

/** What of a setting is needed to print it. */
interface Setting {
  readonly path: string;
  readonly mask?: (value: string) => string;
}

/** Settings as they stand in a file; those without a value are left out. */
function printable(config: Config): Record<string, unknown> {
  const file: Record<string, unknown> = {};
  for (const [name, { path, mask }] of Object.entries(settings) as [keyof Config, Setting][]) {
    const value = config[name];
    if (value === undefined) continue;
    const parts = path.split(".");
    const last = parts.pop() ?? "";
    let place = file;
    for (const part of parts) place = (place[part] ??= {}) as Record<string, unknown>;
    place[last] = mask && typeof value === "string" ? mask(value) : formOf(value);
  }
  return file;
}

/** Labels stand in a file as a list of pairs. */
function formOf(value: Config[keyof Config]): unknown {
  if (typeof value !== "object" || Array.isArray(value)) return value;
  return Object.entries(value).map(([name, text]) => `${name}=${text}`);
}
