import type { Command } from "commander";
import type {
  CommandInput,
  ConfigCheckInput,
  CryptoProfileName,
  JobInput,
  LoginInput,
  RunTargetInput,
} from "@pointsman/sdk";
import { readTextFile, type CommandKit, type Context } from "../terminal/command.js";
import { conditionsOf, withConditions } from "./job-conditions.js";
import { collectChecks } from "./configure.js";
import { inlineBastions } from "../devices/bastions.js";
import { requireKnownHostKeys } from "../devices/known-hosts.js";
import {
  collect,
  collectPairs,
  oneOf,
  parseDuration,
  parseInteger,
  parseTarget,
  UsageError,
  type TargetArgument,
} from "../terminal/parse.js";
import { askLogin } from "../terminal/secrets.js";
import {
  asksForRun,
  refuseInRun,
  rolloutOf,
  type RolloutOptions,
  selectorOf,
  withRollout,
} from "../runs/rollout-options.js";
import { startJobs, type StartOptions } from "./start-jobs.js";
import { startRun } from "../runs/start-run.js";
import { wordsBehindDashes } from "../terminal/behind-dashes.js";

interface ExecOptions extends StartOptions, RolloutOptions {
  readonly command?: readonly string[];
  readonly platform?: string;
  readonly port?: number;
  readonly zone?: string;
  readonly privilege?: "login" | "enable";
  readonly enable?: boolean;
  readonly identity?: string;
  readonly hostKey?: readonly string[];
  readonly knownHosts?: string;
  readonly bastion?: readonly string[];
  readonly cryptoProfile?: CryptoProfileName;
  readonly onReject?: "stop" | "continue";
  readonly answer?: Readonly<Record<string, string>>;
  readonly expectDisconnect?: boolean;
  readonly waitForReturn?: number;
  readonly check?: readonly ConfigCheckInput[];
}

/** `exec`: one job for each device, or a run over many, followed to the end. */
export function registerExec(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "exec", "Run commands on devices and follow them to their end")
    .usage("[options] [device...] -- <command...>")
    .argument("[device...]", "devices by name, or account@address[:port] with --platform; behind --, the command")
    .option("-c, --command <line>", "a command line; may be repeated", collect)
    .option("--platform <name>", "platform of a device given by address")
    .option("--port <number>", "SSH port of a device given by address (default: 22)", parseInteger("--port", 1, 65_535))
    .option("--zone <name>", "zone of a device given by address (default: default)")
    .option("--identity <file>", "log in with this private key instead of a password")
    .option("--enable", "run in the privileged mode; asks for its secret when the device is given by address")
    .option(
      "--privilege <mode>",
      "login or enable, without asking for a secret",
      oneOf("--privilege", ["login", "enable"]),
    )
    .option("--host-key <key>", "host key to accept of a device given by address; may be repeated", collect)
    .option("--known-hosts <file>", "file with the host keys of devices given by address, and of bastions")
    .option(
      "--bastion <[user@]host[:port]>",
      "go to devices given by address through this host; repeated: through all, in order",
      collect,
    )
    .option(
      "--crypto-profile <profile>",
      "how old the algorithms may be with devices given by address: auto, modern, compat or legacy",
      oneOf("--crypto-profile", ["auto", "modern", "compat", "legacy"]),
    )
    .option(
      "--on-reject <what>",
      "after a rejected command: stop or continue",
      oneOf("--on-reject", ["stop", "continue"]),
    )
    .option(
      "--answer <question=answer>",
      "answer to a question a command may ask; may be repeated",
      collectPairs("--answer"),
    )
    .option("--expect-disconnect", "the device may go away behind the last command, as it does when it reloads")
    .option(
      "--wait-for-return <duration>",
      "wait so long for the device to go away behind the last command and to return, such as 10m",
      parseDuration,
    )
    .option("--check <command=text>", "the text must stand in the command's output when it is back", collectChecks)
    .option("--request-id <id>", "makes the call safe to repeat")
    .option("--detach", "do not follow: print the ids of the jobs")
    .addHelpText(
      "after",
      "\nWith a selector or an option of a rollout it makes a run (see `pointsman runs`), else a job for each device.\n" +
        "Ends with 0 when every job succeeded, 3 when an outcome is unknown, else 1. Ctrl-C asks to cancel, twice leaves.\n" +
        "Secrets are asked for, or read from standard input, one a line: those of bastions that name a user, the password,\n" +
        "then the enable secret.",
    );
  kit.run<ExecOptions>(withRollout(withConditions(command)), (context) => exec(context, wordsBehindDashes(program)), {
    ownInterrupt: true,
  });
}

async function exec(context: Context<ExecOptions>, behind: number): Promise<number> {
  const { options, words } = context;
  const targets = words.slice(0, words.length - behind);
  const line = words.slice(words.length - behind).join(" ");
  const commands = [...(options.command ?? []), ...(line === "" ? [] : [line])];
  const isRun = asksForRun(options);
  if (targets.length === 0 && selectorOf(options) === undefined) throw new UsageError("no device is named");
  if (commands.length === 0) throw new UsageError("no command: write it behind --, or with -c");
  if (isRun) return await startRun(context, await runInput(context, targets, commands), "exec");
  const jobs = await jobInputs(context, targets.map(parseTarget), commands);

  return await startJobs(context, targets, jobs, "exec");
}

/** One run over all devices: those given by address bring their login along. */
async function runInput(context: Context<ExecOptions>, targets: readonly string[], lines: readonly string[]) {
  const { options } = context;
  refuseInRun(options, ["dedupeKey", "dedupePolicy"]);
  const parsed = targets.map(parseTarget);
  const inline = parsed.some((target) => "address" in target) ? await jobInputs(context, parsed, lines) : [];
  const [conditions] = conditionsOf(options, [""]);
  return {
    ...workOf(options, lines),
    ...conditions,
    devices: inline.length > 0 ? [] : targets,
    targets: inline.flatMap<RunTargetInput>(({ device, endpoint }) =>
      endpoint !== undefined ? [{ endpoint }] : device !== undefined ? [{ device }] : [],
    ),
    selector: selectorOf(options),
    rollout: rolloutOf(options),
    variables: options.variable,
    description: options.description,
  };
}

function workOf(options: ExecOptions, lines: readonly string[]) {
  return {
    commands: lines.map((command, index) => ({
      ...{ command, answers: options.answer },
      ...(index === lines.length - 1 ? goingAway(options) : {}),
    })),
    onReject: options.onReject,
    privilege: options.enable ? ("enable" as const) : options.privilege,
  };
}

function goingAway({ expectDisconnect, waitForReturn: withinMs, check: checks }: ExecOptions): Partial<CommandInput> {
  if (withinMs !== undefined) return { waitForReturn: { withinMs, checks } };
  if (checks !== undefined) throw new UsageError("--check needs --wait-for-return");
  return { expectDisconnect };
}

async function jobInputs(
  context: Context<ExecOptions>,
  targets: readonly TargetArgument[],
  lines: readonly string[],
): Promise<JobInput[]> {
  const { options } = context;
  const inline = targets.some((target) => "address" in target);
  if (inline && !options.platform) throw new UsageError("a device given by address needs --platform");
  if (!inline) refuseInlineOptions(options);
  const names = targets.map((target) => ("device" in target ? target.device : target.address));
  const conditions = conditionsOf(options, names);
  const work = workOf(options, lines);
  const known = options.knownHosts === undefined ? undefined : await readTextFile(options.knownHosts);
  const file = known === undefined ? undefined : { text: known, file: options.knownHosts ?? "" };
  const bastions = inline
    ? await inlineBastions(options.bastion ?? [], file, context.secrets, options.identity)
    : undefined;
  const logins = new Map<string, LoginInput>();
  const loginOf = async (username: string): Promise<LoginInput> => {
    const login = logins.get(username) ?? (await askLogin(context.secrets, { ...options, username }, username));
    logins.set(username, login);
    return login;
  };
  const jobs: JobInput[] = [];
  for (const [index, target] of targets.entries()) {
    if ("device" in target) {
      jobs.push({ device: target.device, ...work, ...conditions[index] });
      continue;
    }
    const { username, address } = target;
    const port = target.port ?? options.port ?? 22;
    const listed = known === undefined ? [] : requireKnownHostKeys(known, options.knownHosts ?? "", address, port);
    const login = options.credential ?? (await loginOf(username));
    const hostKeys = [...(options.hostKey ?? []), ...listed];
    const { platform = "", zone, cryptoProfile } = options;
    const endpoint = { address, port, platform, zone, login, hostKeys, bastions, cryptoProfile };
    jobs.push({ endpoint, ...work, ...conditions[index], credential: undefined });
  }
  return jobs;
}

const inlineOptions = [
  ...(["platform", "port", "zone", "identity", "hostKey", "knownHosts"] as const),
  ...(["bastion", "cryptoProfile"] as const),
] as const;

function refuseInlineOptions(options: ExecOptions): void {
  const given = inlineOptions.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${flag} is for a device given as account@address; the inventory says it for any other`);
}
