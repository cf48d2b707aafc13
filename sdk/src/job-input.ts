import { create } from "@bufbuild/protobuf";
import { cryptoProfiles, type CryptoProfileName } from "./crypto-profile.js";
import { checkMessages, type ConfigCheckInput, configureMessage, type ConfigureInput } from "./configure-input.js";
import type { JobSpecInit } from "./job-spec-init.js";
import { httpOperation, shellOperation, taskOperation, type HttpInput, type TaskInput } from "./operation-input.js";
import { optionalDuration, timestampFromDate } from "./time.js";
import {
  DedupePolicy,
  Durability,
  EffectClass,
  JobSpecSchema,
  OnReject,
  Privilege,
  RetainOutput,
  type JobSpec,
} from "./v1.js";

/** One command line with what it may ask. */
export interface CommandInput {
  /** The line as typed, without its newline. */
  readonly command: string;
  /** Answers by question: literal text at the end of the line on which the device waits, such as "[confirm]". */
  readonly answers?: Readonly<Record<string, string>> | undefined;
  /** The longest silence to accept while it runs, in milliseconds. Default 30,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** The device may go away behind this line, as it does when it reloads. Default false. */
  readonly expectDisconnect?: boolean | undefined;
  /** Waits for the device to go away and return, and goes on there. Implies `expectDisconnect`. */
  readonly waitForReturn?: ReturnInput | undefined;
}

/** What decides about a line behind which the device goes away. */
export interface ReturnInput {
  /** How long it may take until it is logged in to again, in milliseconds. Default 10 min. */
  readonly withinMs?: number | undefined;
  /** Must hold when it is back. */
  readonly checks?: readonly ConfigCheckInput[] | undefined;
}

/** An account and its secrets. */
export interface LoginInput {
  readonly username: string;
  readonly password?: string | undefined;
  /** Private key in PEM or OpenSSH form. */
  readonly privateKey?: string | undefined;
  readonly passphrase?: string | undefined;
  readonly enableSecret?: string | undefined;
  /** Offers the keys of the SSH agent that runs beside the worker. Default false. */
  readonly useAgent?: boolean | undefined;
}

/** A device given by address. */
export interface EndpointInput {
  /** Host name or IP address. */
  readonly address: string;
  /** Default 22. */
  readonly port?: number | undefined;
  /** Name of a platform, such as "cisco_ios". */
  readonly platform: string;
  /** Default "default". */
  readonly zone?: string | undefined;
  /** Name of a stored credential, or a login that is sealed apart from the job and erased at its end. */
  readonly login: string | LoginInput;
  /** Host keys to accept, as "ssh-ed25519 AAAA…". */
  readonly hostKeys?: readonly string[] | undefined;
  /** Hosts that the connection goes through, in order, the first being reached directly. Default: none. */
  readonly bastions?: readonly InlineBastionInput[] | undefined;
  /** How old the algorithms of its connection may be. Default "auto". */
  readonly cryptoProfile?: CryptoProfileName | undefined;
}

/** A host on the way to a device given by address. */
export interface InlineBastionInput {
  /** Host name or IP address, as seen from the host before it. */
  readonly address: string;
  /** Default 22. */
  readonly port?: number | undefined;
  /** Name of a stored credential, or a login that is sealed apart from the job. Default: the device's login. */
  readonly login?: string | LoginInput | undefined;
  /** Host keys to accept, as "ssh-ed25519 AAAA…". */
  readonly hostKeys?: readonly string[] | undefined;
}

/** A job, in the words of this SDK. The form of the contract, `JobSpec`, is taken in its place everywhere. */
export type JobInput = JobTarget & JobWork & JobConditions;

/** Where the work is done. */
export type JobTarget =
  | {
      /** Name of a device in the inventory. */
      readonly device: string;
      readonly endpoint?: undefined;
      readonly node?: undefined;
      readonly zone?: undefined;
    }
  | {
      readonly endpoint: EndpointInput;
      readonly device?: undefined;
      readonly node?: undefined;
      readonly zone?: undefined;
    }
  | {
      /** Name of a node, the machine a worker runs on: for `shell`, and for work that shall be done from there. */
      readonly node?: string | undefined;
      /** The zone whose workers may take it. Default "default"; for a node: one that it serves. */
      readonly zone?: string | undefined;
      readonly device?: undefined;
      readonly endpoint?: undefined;
    };

/** What is done. */
export type JobWork =
  | {
      /** Command lines, run in order in one session. */
      readonly commands: readonly (string | CommandInput)[];
      /** What a rejected command means for those behind it; "continue" is for read-only work alone. Default "stop". */
      readonly onReject?: "stop" | "continue" | undefined;
      /** The mode the commands run in. Default "login": whatever mode the login gives. */
      readonly privilege?: "login" | "enable" | undefined;
      readonly configure?: undefined;
      readonly probe?: undefined;
      readonly shell?: undefined;
      readonly http?: undefined;
      readonly task?: undefined;
    }
  | {
      /** Configures the device by lines. */
      readonly configure: ConfigureInput;
      readonly commands?: undefined;
      readonly probe?: undefined;
      readonly shell?: undefined;
      readonly http?: undefined;
      readonly task?: undefined;
    }
  | {
      /** Connects, logs in, looks, leaves. */
      readonly probe: true;
      readonly configure?: undefined;
      readonly commands?: undefined;
      readonly shell?: undefined;
      readonly http?: undefined;
      readonly task?: undefined;
    }
  | {
      /** Runs a program on the node: one line, divided as a shell divides words, or the words. */
      readonly shell: string | readonly string[];
      readonly commands?: undefined;
      readonly configure?: undefined;
      readonly probe?: undefined;
      readonly http?: undefined;
      readonly task?: undefined;
    }
  | {
      /** Calls a URL. */
      readonly http: HttpInput;
      readonly commands?: undefined;
      readonly configure?: undefined;
      readonly probe?: undefined;
      readonly shell?: undefined;
      readonly task?: undefined;
    }
  | {
      /** Runs a task, on a device, a node, or none. */
      readonly task: TaskInput;
      readonly commands?: undefined;
      readonly configure?: undefined;
      readonly probe?: undefined;
      readonly shell?: undefined;
      readonly http?: undefined;
    };

/** Who a device says it is. */
export interface IdentityInput {
  /** Its host name, as its prompt shows it. Default: any. */
  readonly hostName?: string | undefined;
  /** A serial number that it tells. Default: any. */
  readonly serial?: string | undefined;
}

/** When, how long and under which names. */
export interface JobConditions {
  /** Declares that repeating the work does no harm. */
  readonly idempotent?: boolean | undefined;
  /** -100 to 100, higher first: each point counts as a minute of waiting. Default 0. */
  readonly priority?: number | undefined;
  /** Not before this time. Default: at once. */
  readonly startTime?: Date | undefined;
  /** Ends EXPIRED when it has not started within this many milliseconds. Default 24 h for reads, 1 h for other work. */
  readonly queueTimeoutMs?: number | undefined;
  /** Milliseconds that one attempt may take. Default 5 min. */
  readonly executionTimeoutMs?: number | undefined;
  /** How work that may be repeated is retried by the service. */
  readonly retry?:
    | {
        readonly maxAttempts?: number | undefined;
        readonly initialBackoffMs?: number | undefined;
        readonly maxBackoffMs?: number | undefined;
      }
    | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Output kept, in bytes. Default and most: 16 MiB. */
  readonly maxOutputBytes?: number | undefined;
  /** Name of a credential to log in with in place of those of the inventory's device. */
  readonly credential?: string | undefined;
  /**
   * Commands of the platform's own list of denied ones that may be sent all the same, as they are written there
   * (`devices.platforms()`), such as "reload". For admins alone.
   */
  readonly liftedCommands?: readonly string[] | undefined;
  /** Who the device must say it is, in place of what the inventory says; asked before the first line, also of a read. */
  readonly expect?: IdentityInput | undefined;
  /** Keeps a bounded transcript for `pointsman replay`. */
  readonly debug?: boolean | undefined;
  /** A named queue: a label with pause, limit and counts. The job still waits in its device's line. Default: none. */
  readonly queue?: string | undefined;
  /**
   * While a job with this key is live in the zone, this one is refused with DUPLICATE_JOB ("reject", the default), the
   * caller gets the live one in its place ("join"), or the live one is cancelled unless it has started ("replace").
   */
  readonly dedupe?: { readonly key: string; readonly policy?: "reject" | "join" | "replace" | undefined } | undefined;
  /** Ends FAILED at once when a lock, a hold, a pause or a limit keeps it from starting. Default: it waits. */
  readonly failIfBlocked?: boolean | undefined;
  /** What is kept of the output when it has ended: all, how each command ended, or nothing. Default "full". */
  readonly retainOutput?: "full" | "metadata" | "none" | undefined;
  /**
   * What has to know of it before the call is answered, and before its first changing byte is sent: the primary of Redis
   * ("local"), or replicas too ("replicated"; NOT_REPLICATED when they do not say so in time). Default: as the
   * installation is set.
   */
  readonly durability?: "local" | "replicated" | undefined;
  /** Milliseconds after which a warning is written into the history of an attempt that still runs. Default: none. */
  readonly warnAfterMs?: number | undefined;
}

/** Brings either form of a job into the contract's. */
export function jobSpec(input: JobInput | JobSpecInit): JobSpec {
  return isJobInput(input) ? fromInput(input) : create(JobSpecSchema, input);
}

function isJobInput(input: JobInput | JobSpecInit): input is JobInput {
  return !("operation" in input);
}

function fromInput(input: JobInput): JobSpec {
  const spec = workSpec(input);
  spec.target = create(JobSpecSchema, { target: target(input) }).target;
  spec.zone = input.zone ?? "";
  return spec;
}

/** A job without its target. */
export function workSpec(input: JobWork & JobConditions): JobSpec {
  const retry = input.retry;
  return create(JobSpecSchema, {
    operation: operation(input),
    ...(input.idempotent ? { effectClass: EffectClass.IDEMPOTENT } : {}),
    priority: input.priority ?? 0,
    ...(input.startTime ? { startTime: timestampFromDate(input.startTime) } : {}),
    ...optionalDuration("queueTimeout", input.queueTimeoutMs),
    ...optionalDuration("executionTimeout", input.executionTimeoutMs),
    ...(retry
      ? {
          retry: {
            maxAttempts: retry.maxAttempts ?? 0,
            ...optionalDuration("initialBackoff", retry.initialBackoffMs),
            ...optionalDuration("maxBackoff", retry.maxBackoffMs),
          },
        }
      : {}),
    labels: { ...input.labels },
    maxOutputBytes: input.maxOutputBytes ?? 0,
    debug: input.debug ?? false,
    queue: input.queue ?? "",
    dedupeKey: input.dedupe?.key ?? "",
    dedupePolicy: input.dedupe?.policy ? policies[input.dedupe.policy] : DedupePolicy.UNSPECIFIED,
    failIfBlocked: input.failIfBlocked ?? false,
    retainOutput: input.retainOutput ? retained[input.retainOutput] : RetainOutput.UNSPECIFIED,
    ...optionalDuration("warnAfter", input.warnAfterMs),
    durability: input.durability ? durabilities[input.durability] : Durability.UNSPECIFIED,
    credential: input.credential ?? "",
    liftedCommands: [...(input.liftedCommands ?? [])],
    ...(input.expect && { expect: { hostName: input.expect.hostName ?? "", serial: input.expect.serial ?? "" } }),
  });
}

const policies = {
  reject: DedupePolicy.REJECT,
  join: DedupePolicy.JOIN,
  replace: DedupePolicy.REPLACE,
} as const;

const durabilities = {
  local: Durability.LOCAL,
  replicated: Durability.REPLICATED,
} as const;

const retained = {
  full: RetainOutput.FULL,
  metadata: RetainOutput.METADATA,
  none: RetainOutput.NONE,
} as const;

function target(input: JobTarget): NonNullable<JobSpecInit["target"]> {
  if (input.endpoint !== undefined) return { case: "endpoint", value: endpoint(input.endpoint) };
  if (input.device !== undefined) return { case: "device", value: input.device };
  return input.node === undefined ? { case: undefined } : { case: "node", value: input.node };
}

/** An operation in the contract's form. */
export function operation(work: JobWork): NonNullable<JobSpecInit["operation"]> {
  if (work.shell !== undefined) return shellOperation(work.shell);
  if (work.http !== undefined) return httpOperation(work.http);
  if (work.task !== undefined) return taskOperation(work.task);
  return deviceOperation(work);
}

/** Work that is done on a device. */
type DeviceWork = Exclude<
  JobWork,
  { readonly shell: string | readonly string[] } | { readonly http: HttpInput } | { readonly task: TaskInput }
>;

/** An operation on a device, as the contract has it. */
function deviceOperation(
  work: DeviceWork,
): Extract<NonNullable<JobSpecInit["operation"]>, { case: "commands" | "configure" | "probe" }> {
  if (work.configure !== undefined) return { case: "configure", value: configureMessage(work.configure) };
  if (work.commands === undefined) return { case: "probe", value: {} };
  return {
    case: "commands",
    value: {
      commands: work.commands.map((entry) => {
        const input: CommandInput = typeof entry === "string" ? { command: entry } : entry;
        const { command, answers = {}, idleTimeoutMs, waitForReturn } = input;
        return {
          command,
          answers: Object.entries(answers).map(([question, answer]) => ({ question, answer })),
          ...optionalDuration("idleTimeout", idleTimeoutMs),
          expectDisconnect: input.expectDisconnect ?? waitForReturn !== undefined,
          ...(waitForReturn && {
            waitForReturn: {
              ...optionalDuration("within", waitForReturn.withinMs),
              checks: checkMessages(waitForReturn.checks),
            },
          }),
        };
      }),
      onReject: { stop: OnReject.STOP, continue: OnReject.CONTINUE, default: OnReject.UNSPECIFIED }[
        work.onReject ?? "default"
      ],
      privilege: { login: Privilege.LOGIN, enable: Privilege.ENABLE, default: Privilege.UNSPECIFIED }[
        work.privilege ?? "default"
      ],
    },
  };
}

/** A device given by address, as the contract has it. */
export function endpoint(
  input: EndpointInput,
): Extract<NonNullable<JobSpecInit["target"]>, { case: "endpoint" }>["value"] {
  return {
    address: input.address,
    port: input.port ?? 0,
    platform: input.platform,
    zone: input.zone ?? "",
    login: loginOf(input.login),
    hostKeys: [...(input.hostKeys ?? [])],
    bastions: (input.bastions ?? []).map((bastion) => ({
      address: bastion.address,
      port: bastion.port ?? 0,
      hostKeys: [...(bastion.hostKeys ?? [])],
      ...(bastion.login === undefined ? {} : { login: loginOf(bastion.login) }),
    })),
    cryptoProfile: cryptoProfiles[input.cryptoProfile ?? "auto"],
  };
}

function loginOf(login: string | LoginInput) {
  return typeof login === "string"
    ? { case: "credential" as const, value: login }
    : { case: "secret" as const, value: loginMessage(login) };
}

/** A login with every field present, as the contract has it. */
export function loginMessage(input: LoginInput): {
  username: string;
  password: string;
  privateKey: string;
  passphrase: string;
  enableSecret: string;
  useAgent: boolean;
} {
  return {
    username: input.username,
    password: input.password ?? "",
    privateKey: input.privateKey ?? "",
    passphrase: input.passphrase ?? "",
    enableSecret: input.enableSecret ?? "",
    useAgent: input.useAgent ?? false,
  };
}
