import { checkMessages, type ConfigCheckInput, configureMessage, type ConfigureInput } from "./configure-input.js";
import type { JobSpecInit } from "./job-spec-init.js";
import { httpOperation, shellOperation, taskOperation, type HttpInput, type TaskInput } from "./operation-input.js";
import { optionalDuration } from "./time.js";
import { OnReject, Privilege } from "./v1.js";

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
