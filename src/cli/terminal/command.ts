import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { Pointsman, PointsmanError, UnavailableError } from "@pointsman/sdk";
import type { CliIo } from "./io.js";
import { createOutput, type Output } from "./output.js";
import { UsageError } from "./parse.js";
import { createSecretSource, PromptAborted, type SecretSource } from "./secrets.js";

/** Statuses that a command ends with. */
export const status = { ok: 0, failed: 1, usage: 2, indeterminate: 3, interrupted: 130, brokenPipe: 141 } as const;

/** What a running command has at hand. */
export interface Context<O> {
  readonly client: Pointsman;
  readonly out: Output;
  readonly secrets: SecretSource;
  readonly io: CliIo;
  readonly options: O;
  /** The words that are no options. */
  readonly words: readonly string[];
  /** Aborts on Ctrl-C, unless the command takes that itself. */
  readonly signal: AbortSignal;
}

/** The options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly apiKeyFile?: string;
}

/** How a command runs. */
export interface RunOptions {
  /** The command meets Ctrl-C itself. Default: it aborts `signal`, and the command ends with status 130. */
  readonly ownInterrupt?: boolean;
}

/** Makes commands for one terminal. */
export interface CommandKit {
  readonly io: CliIo;
  /** A command to build upon. A default one does the work of its group when none is named. */
  command(parent: Command, name: string, description: string, options?: { readonly isDefault?: boolean }): Command;
  /** Gives a command the common options and the work it does. The work's number is the exit status; nothing means 0. */
  run<O extends CommonOptions>(
    command: Command,
    work: (context: Context<O>) => Promise<number | void>,
    options?: RunOptions,
  ): Command;
}

/** Ties the commands to a terminal. */
export function createCommandKit(io: CliIo): CommandKit {
  return {
    io,
    command: (parent, name, description, options = {}) =>
      parent
        .command(name, options)
        .description(description)
        // What a default one has too much of is the name of a command that its group does not have.
        .allowExcessArguments(options.isDefault ?? false)
        // The command line's own faults end with the status that shells use for them.
        .exitOverride((error) => io.leave(error.exitCode === 0 ? status.ok : status.usage))
        .configureOutput({
          writeOut: (text) => void io.stdout.write(text),
          writeErr: (text) => void io.stderr.write(text),
        }),
    run<O extends CommonOptions>(
      command: Command,
      work: (context: Context<O>) => Promise<number | void>,
      options: RunOptions = {},
    ) {
      return command
        .addOption(
          new Option(
            "--url <url>",
            "the server, or several by commas (default: POINTSMAN_URL, else http://127.0.0.1:9000)",
          ),
        )
        .addOption(new Option("--api-key-file <file>", "file with the API key (default: POINTSMAN_API_KEY)"))
        .addOption(new Option("--json", "answer in JSON: one document, or a line for each item of a stream"))
        .action(() => {
          refuseExcess(command);
          return runCommand(io, command, work, options);
        });
    },
  };
}

/** Ends with a fault of the command line where a default command was given more words than it takes. */
function refuseExcess(command: Command): void {
  const { args, parent: group, registeredArguments: taken } = command;
  const excess = taken.at(-1)?.variadic ? undefined : args[taken.length];
  if (excess === undefined || !group) return;
  if (group.args[0] === command.name()) command.error(`error: too many arguments for '${command.name()}': '${excess}'`);
  const names = group.commands.map((one) => one.name()).join(", ");
  group.error(`error: unknown command '${excess}' of '${group.name()}'; there are ${names}`);
}

async function runCommand<O extends CommonOptions>(
  io: CliIo,
  command: Command,
  work: (context: Context<O>) => Promise<number | void>,
  { ownInterrupt = false }: RunOptions,
): Promise<void> {
  const options = command.opts<O>();
  const out = createOutput(io, options.json ?? false);
  const secrets = createSecretSource(io);
  const interrupt = new AbortController();
  const offInterrupt = ownInterrupt ? () => undefined : io.onInterrupt(() => interrupt.abort());
  const onLostOutput = (error: NodeJS.ErrnoException): void => {
    // The reader has gone, as `head` does: nobody is left to tell.
    if (error.code === "EPIPE") return io.leave(status.brokenPipe);
    io.stderr.write(`error: what was answered cannot be written: ${error.message}\n`);
    io.leave(status.failed);
  };
  // Stays: the last write may fail when all is done.
  io.stdout.on("error", onLostOutput);
  let client: Pointsman | undefined;
  try {
    client = await connect(io, options);
    const context = { client, out, secrets, io, options, words: command.args, signal: interrupt.signal };
    io.setStatus((await work(context)) ?? status.ok);
  } catch (error) {
    if (interrupt.signal.aborted || error instanceof PromptAborted) io.setStatus(status.interrupted);
    else io.setStatus(await report(named(error, io, options), out, options.json ?? false));
  } finally {
    client?.close();
    secrets.close();
    offInterrupt();
  }
}

async function connect(io: CliIo, options: CommonOptions): Promise<Pointsman> {
  const apiKey =
    options.apiKeyFile === undefined
      ? io.env["POINTSMAN_API_KEY"]
      : (await readTextFile(options.apiKeyFile)).trim() || undefined;
  try {
    return new Pointsman({ baseUrl: options.url ?? io.env["POINTSMAN_URL"], apiKey });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

/** Says which server cannot be reached, where the error only knows what happened to the connection. */
function named(error: unknown, io: CliIo, options: CommonOptions): unknown {
  if (!(error instanceof UnavailableError) || error.reason !== undefined) return error;
  const url = options.url ?? io.env["POINTSMAN_URL"] ?? "http://127.0.0.1:9000";
  return new UnavailableError(`no answer from ${url}: ${error.message}`, { code: "unavailable", cause: error });
}

/** A file's text; a file that cannot be read is a fault of the command line. "-" is not looked at here. */
export async function readTextFile(file: string): Promise<string> {
  return await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`cannot read ${file}: ${error.code ?? error.message}`);
  });
}

/** Says what went wrong on one line, wrong fields that it does not name on one line each, and never with a stack. */
async function report(error: unknown, out: Output, json: boolean): Promise<number> {
  const lines =
    error instanceof PointsmanError
      ? [
          `error: ${error.message}${error.reason ? ` (${error.reason})` : ""}`,
          // The message names the first ones itself.
          ...error.fieldViolations
            .map(({ field, description }) => `${field}: ${description}`)
            .filter((line) => !error.message.includes(line))
            .map((line) => `  ${line}`),
        ]
      : [`error: ${error instanceof Error ? error.message : String(error)}`];
  await out.note(json ? JSON.stringify({ error: errorJson(error) }) : lines.join("\n"));
  return error instanceof UsageError ? status.usage : status.failed;
}

/** An error as it stands in JSON answers. */
export function errorJson(error: unknown): Record<string, unknown> {
  if (!(error instanceof PointsmanError)) return { message: error instanceof Error ? error.message : String(error) };
  const { code, reason, message, metadata, fieldViolations } = error;
  return {
    code,
    ...(reason ? { reason } : {}),
    message,
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    ...(fieldViolations.length > 0 ? { fieldViolations } : {}),
  };
}
