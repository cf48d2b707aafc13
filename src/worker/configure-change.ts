import type { ConfigCheck } from "@pointsman/sdk/v1";
import {
  type CommandOutcome,
  type ConfigurationLine,
  type Configurator,
  DeviceError,
  type Redactor,
  type Session,
  type StepOptions,
} from "../device/index.js";
import type { AttemptContext } from "./attempt-context.js";
import type { ConfigureReport } from "./configure-report.js";
import { AttemptError } from "./failure.js";
import { LeaseLostError } from "./lease.js";

/** A device may take so much longer than its timer says, and its answer may take as long, in milliseconds. */
export const lateMs = 30_000;

/** How far a change is. Steps are the lines from 1, then the commit, the confirmation and the saving, where there are. */
export interface Progress {
  intended: number;
  confirmed: number;
  changed: boolean;
  /** The point of no return was passed. */
  intent: boolean;
  /** A timer may run on the device. */
  armed: boolean;
  /** It has run out by now, whenever it began. */
  ranOut: boolean;
  readonly steps: number;
}

/** A change under way, as its parts see it. */
export interface Change {
  readonly context: AttemptContext;
  readonly configurator: Configurator;
  readonly report: ConfigureReport;
  readonly redactor: Redactor;
  readonly lines: readonly ConfigurationLine[];
  /** What is typed takes the place of everything. */
  readonly replaces: boolean;
  /** Set where the device is to take the change back by itself. */
  readonly timerSeconds: number | undefined;
  readonly postChecks: readonly ConfigCheck[];
  /** The timer belongs to the session that committed: its end takes the change back. */
  readonly isTimedBySession: boolean;
  /** Set where the change may cut its own way: for how long the device is waited for. */
  readonly awaitsReturnMs: number | undefined;
  readonly progress: Progress;
  /** Aborts a line some time after the work was asked to stop. */
  readonly gentle: AbortSignal;
  /** Aborts only when the lease or the time is over: the answer to a commit is waited for. */
  readonly firm: AbortSignal;
}

/** The point of no return, once. */
export async function passIntent({ context, progress }: Change, step: number): Promise<void> {
  if (progress.intent) return;
  await context.intent(step);
  progress.intent = true;
}

/** From here on a timer may run on the device. */
export function arm({ context, configurator, progress }: Change): void {
  progress.armed = true;
  context.timer(configurator.timerMs + lateMs, () => (progress.ranOut = true));
}

/** Options of a step that counts: it is noted as intended at the moment its first byte may leave. */
export function counted({ context, progress, awaitsReturnMs }: Change, step: number, signal: AbortSignal): StepOptions {
  return {
    signal,
    expectDisconnect: awaitsReturnMs !== undefined,
    beforeWrite: () => {
      context.beforeWrite();
      if (progress.intended >= step) return;
      progress.intended = step;
      context.writer.intended(step);
    },
  };
}

/** Notes that the answer to a step was seen. */
export function confirmed({ context, progress }: Change, step: number): void {
  progress.confirmed = step;
  context.writer.confirmed(step);
}

/** Options of what only reads, and stops as soon as it is asked to. */
export function reading({ context }: Change): StepOptions {
  return { beforeWrite: context.beforeWrite, signal: context.signal };
}

/** Leaves the configuration; that it could not is remarked, since it undoes nothing that was answered before. */
export async function leave({ context, configurator, report }: Change, session: Session): Promise<void> {
  try {
    await configurator.leave(session, { beforeWrite: context.beforeWrite });
  } catch (error) {
    if (error instanceof LeaseLostError) throw error;
    report.remark("warning", `the configuration was not left in order: ${(error as Error).message}`);
  }
}

/** Makes checks; throws CHECK_FAILED when one does not hold, after all of them were made. */
export async function makeChecks(
  change: Change,
  session: Session,
  checks: readonly ConfigCheck[],
  after: boolean,
): Promise<void> {
  const { configurator, report, redactor } = change;
  const broken: string[] = [];
  for (const { command, include, exclude } of checks) {
    const outcome = await configurator.ask(session, command, reading(change));
    const missing = include.filter((text) => !outcome.output.includes(text));
    const found = exclude.filter((text) => outcome.output.includes(text));
    const passed = outcome.status === "ok" && missing.length === 0 && found.length === 0;
    if (!passed) broken.push(command);
    const output = await report.text(redactor.redact(outcome.output));
    report.result.checks.push({
      ...{ $typeName: "pointsman.v1.ConfigCheckResult", command, after, passed, missing, found, output },
    });
  }
  if (broken.length === 0) return;
  const names = broken.map((command) => `"${command}"`).join(", ");
  throw new AttemptError(
    "CHECK_FAILED",
    `what was to hold ${after ? "after" : "before"} the change does not: ${names}`,
  );
}

/** DEVICE_REJECTED with the device's words. */
export function rejection({ redactor }: Change, line: string, { errorLines }: CommandOutcome): AttemptError {
  const words = errorLines.join("\n");
  return new AttemptError(
    "DEVICE_REJECTED",
    `the device rejected "${redactor.redact(line).trim()}"`,
    {},
    words === "" ? undefined : words,
  );
}

/** The error with a remark at the end of its message. */
export function withNote(error: unknown, note: string): unknown {
  if (error instanceof AttemptError) {
    return new AttemptError(error.reason, `${error.message}; ${note}`, error.metadata, error.deviceMessage);
  }
  if (!(error instanceof DeviceError)) return error;
  return new DeviceError(error.reason, `${error.message}; ${note}`, { ...error, cause: error });
}
