import type { Command } from "commander";
import { toJson, type CreateManyResult, type JobInput, type LoginInput } from "@pointsman/sdk";
import { JobSchema, type Job } from "@pointsman/sdk/v1";
import { errorJson, readTextFile, status, type CommandKit, type CommonOptions, type Context } from "./command.js";
import { followJobs, statusOf, type Followed } from "./follow.js";
import { interruptible } from "./interrupt.js";
import { conditionsOf, withConditions, type ConditionOptions } from "./job-conditions.js";
import { requireKnownHostKeys } from "./known-hosts.js";
import { collect, collectPairs, oneOf, parseInteger, parseTarget, UsageError, type TargetArgument } from "./parse.js";
import { askLogin } from "./secrets.js";

interface ExecOptions extends CommonOptions, ConditionOptions {
  readonly command?: readonly string[];
  readonly platform?: string;
  readonly port?: number;
  readonly zone?: string;
  readonly privilege?: "login" | "enable";
  readonly enable?: boolean;
  readonly identity?: string;
  readonly hostKey?: readonly string[];
  readonly knownHosts?: string;
  readonly onReject?: "stop" | "continue";
  readonly answer?: Readonly<Record<string, string>>;
  readonly requestId?: string;
  readonly detach?: boolean;
}

/** `exec`: one job for each device, followed to the end. */
export function registerExec(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "exec", "Run commands on devices and follow them to their end")
    .usage("[options] <device...> -- <command...>")
    .argument("<device...>", "devices by name, or account@address[:port] with --platform; behind --, the command")
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
    .option("--known-hosts <file>", "file with the host keys of devices given by address")
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
    .option("--request-id <id>", "makes the call safe to repeat")
    .option("--detach", "do not follow: print the ids of the jobs")
    .addHelpText(
      "after",
      "\nEnds with 0 when every job succeeded, 3 when an outcome is unknown, else 1. Ctrl-C asks to cancel, twice leaves.\n" +
        "Secrets are asked for, or read from standard input: the password on the first line, the enable secret on the next.",
    );
  kit.run<ExecOptions>(withConditions(command), (context) => exec(context, wordsBehindDashes(program)), {
    ownInterrupt: true,
  });
}

async function exec(context: Context<ExecOptions>, behind: number): Promise<number> {
  const { client, io, options, out, words } = context;
  const targets = words.slice(0, words.length - behind);
  const line = words.slice(words.length - behind).join(" ");
  const commands = [...(options.command ?? []), ...(line === "" ? [] : [line])];
  if (targets.length === 0) throw new UsageError("no device is named");
  if (commands.length === 0) throw new UsageError("no command: write it behind --, or with -c");
  const jobs = await jobInputs(context, targets.map(parseTarget), commands);

  return await interruptible(io, out, async (interrupt) => {
    const results = await createJobs(context, jobs, interrupt.signal);
    const accepted: Followed[] = [];
    const own: string[] = [];
    let refused = 0;
    for (const [index, result] of results.entries()) {
      const name = targets[index] ?? "";
      if (result.job) {
        accepted.push({ id: result.job.id, name });
        if (options.dedupePolicy !== "join" || !result.replayed) own.push(result.job.id);
        else if (!out.json) await out.note(`${name}: joined job ${result.job.id}; Ctrl-C leaves it alone`);
        if (options.detach) await announce(context, name, result.job);
      } else {
        refused++;
        if (out.json) await out.record({ target: name, error: errorJson(result.error) });
        else await out.note(`${name}: error: ${result.error.message} (${result.error.reason ?? result.error.code})`);
      }
    }
    if (options.detach) return refused > 0 ? status.failed : status.ok;
    interrupt.cancels(async () => {
      if (own.length === 0) return await out.note("it was there before, and is left alone");
      await client.jobs.cancelMany({ ids: own }, { interruptRunning: true, reason: "Ctrl-C at pointsman exec" });
    });
    const ended = await followJobs(context, accepted, interrupt.signal);
    return Math.max(statusOf(ended), refused > 0 ? status.failed : status.ok);
  });
}

async function announce({ out }: Context<ExecOptions>, target: string, job: Job): Promise<void> {
  if (out.json) await out.record({ target, job: job.id, result: toJson(JobSchema, job) });
  else await out.line(job.id);
}

async function createJobs(
  { client, options }: Context<ExecOptions>,
  jobs: readonly JobInput[],
  signal: AbortSignal,
): Promise<CreateManyResult[]> {
  const [only] = jobs;
  // A single job goes alone: its refusal then says which field is wrong.
  if (only && jobs.length === 1) {
    const job = await client.jobs.create(only, { requestId: options.requestId, signal });
    return [{ job, replayed: job.replayed }];
  }
  return await client.jobs.createMany(jobs, { requestId: options.requestId, signal });
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
  const work = {
    commands: lines.map((command) => ({ command, answers: options.answer })),
    onReject: options.onReject,
    privilege: options.enable ? ("enable" as const) : options.privilege,
  };
  const known = options.knownHosts === undefined ? undefined : await readTextFile(options.knownHosts);
  const logins = new Map<string, LoginInput>();
  const jobs: JobInput[] = [];
  for (const [index, target] of targets.entries()) {
    if ("device" in target) {
      jobs.push({ device: target.device, ...work, ...conditions[index] });
      continue;
    }
    const { username, address } = target;
    const port = target.port ?? options.port ?? 22;
    const listed = known === undefined ? [] : requireKnownHostKeys(known, options.knownHosts ?? "", address, port);
    const login = logins.get(username) ?? (await askLogin(context.secrets, { ...options, username }, username));
    logins.set(username, login);
    const hostKeys = [...(options.hostKey ?? []), ...listed];
    const endpoint = { address, port, platform: options.platform ?? "", zone: options.zone, login, hostKeys };
    jobs.push({ endpoint, ...work, ...conditions[index] });
  }
  return jobs;
}

function refuseInlineOptions(options: ExecOptions): void {
  const given = (["platform", "port", "zone", "identity", "hostKey", "knownHosts"] as const).find(
    (name) => options[name] !== undefined,
  );
  if (given === undefined) return;
  const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${flag} is for a device given as account@address; the inventory says it for any other`);
}

/** How many words stood behind "--": the parser itself forgets where that was. */
function wordsBehindDashes(program: Command): number {
  const { rawArgs } = program as Command & { readonly rawArgs: readonly string[] };
  const at = rawArgs.indexOf("--");
  return at < 0 ? 0 : rawArgs.length - at - 1;
}
