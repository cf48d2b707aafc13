import { createRedactor } from "./redact.js";
import { mostErrorLines } from "./command.js";
import type { ConfigurationLine } from "./configuration-lines.js";
import { type ConfigurationRules, type ConfigurationStep, fillStep } from "./configuration-rules.js";
import { DeviceError } from "./device-error.js";
import type { Platform } from "./platform.js";
import type { CommandOutcome, Session } from "./session.js";

/** How a step of a configuration is bounded. */
export interface StepOptions {
  /** As in CommandRequest. */
  readonly beforeWrite?: () => void;
  readonly signal?: AbortSignal;
  readonly onOutput?: (text: string) => void | Promise<void>;
  readonly maxOutputBytes?: number;
  /** Longest silence in milliseconds. Default 60,000. */
  readonly idleTimeoutMs?: number;
  readonly expectDisconnect?: boolean;
}

/** A step with what the device printed. */
export interface StepOutcome extends CommandOutcome {
  readonly output: string;
}

/** Works the configuration of one device through one session at a time. */
export interface Configurator {
  readonly rules: ConfigurationRules;
  /** How long the device's own timer runs: where it counts minutes, one that has begun is a whole one. 0: there is none. */
  readonly timerMs: number;
  /** Goes where the configuration is opened, read and saved. */
  prepare(session: Session, options?: StepOptions): Promise<void>;
  /** The running configuration, whole, or in another form of it. Rejects with DEVICE_REJECTED's words as UNSUPPORTED_BY_PLATFORM when refused. */
  running(session: Session, options?: StepOptions, form?: ConfigurationStep): Promise<string>;
  /** Opens the configuration, with a timer where the platform sets it here. Throws when the device does not let us in. */
  open(session: Session, options?: StepOptions): Promise<void>;
  /** Types one line; `rejected` also when the line led out of the configuration. */
  type(session: Session, line: ConfigurationLine, options?: StepOptions): Promise<CommandOutcome>;
  /** Types a line around the configuration, as it is: a command that only reads. */
  ask(session: Session, line: string, options?: StepOptions): Promise<StepOutcome>;
  /** Types one of the platform's own steps. */
  step(session: Session, step: ConfigurationStep, options?: StepOptions): Promise<StepOutcome>;
  /** Drops the candidate where there is one, and leaves the configuration. Never leaves it by committing. */
  leave(session: Session, options?: StepOptions): Promise<void>;
}

const idleMs = 60_000;
/** A line typed into one that still runs can do harm: a prompt has to stand still for this long. */
const settleMs = 10;
const totalMs = 900_000;
const leaveMs = 10_000;
const largestConfig = 16 * 1024 * 1024;

/**
 * The configurator of a platform. `session` names candidates on platforms that name them; `timerSeconds` is set where
 * the change is to be taken back unless it is confirmed. Throws UNSUPPORTED_BY_PLATFORM.
 */
export function createConfigurator(
  platform: Platform,
  session: string,
  timerSeconds: number | undefined,
): Configurator {
  const found = platform.configuration;
  if (!found) throw unsupported(`${platform.name} is not configured by lines`);
  const rules = found;
  if (timerSeconds !== undefined) {
    const { confirmed } = rules;
    if (!confirmed) throw unsupported(`${platform.name} cannot take a change back by itself`);
    if (timerSeconds < confirmed.minSeconds || timerSeconds > confirmed.maxSeconds) {
      const bounds = `${confirmed.minSeconds} to ${confirmed.maxSeconds} s`;
      throw unsupported(`${platform.name} takes a confirm timeout of ${bounds}`);
    }
  }
  const redactor = createRedactor(platform.secrets);

  async function step(on: Session, what: ConfigurationStep, options: StepOptions = {}): Promise<StepOutcome> {
    const from = on.mode;
    const filled = fillStep(what, session, timerSeconds);
    if (what.mode === undefined || what.mode === from) return await send(on, filled, options, true);
    await on.enterMode(what.mode, guards(options));
    const outcome = await send(on, filled, options, true);
    // The step was answered; a session that does not find back says so when it is used next.
    await on.enterMode(from, guards(options)).catch(() => undefined);
    return outcome;
  }

  async function send(
    on: Session,
    what: ConfigurationStep,
    options: StepOptions = {},
    own = false,
  ): Promise<StepOutcome> {
    let output = "";
    const { expect } = what;
    const { onOutput, ...rest } = options;
    const outcome = await on.run({
      command: what.send,
      answers: what.answers,
      own,
      ...bounds(rest),
      onOutput: (text) => {
        output += text;
        return onOutput?.(text);
      },
      ...(rules.errors ? { rejects: rules.errors } : {}),
    });
    if (outcome.status === "rejected" || !expect || output.split("\n").some((line) => expect.test(line))) {
      return { ...outcome, output };
    }
    const words = redactor.redact(output).split("\n");
    const errorLines = words.filter((line) => line.trim() !== "").slice(-mostErrorLines);
    return { ...outcome, output, status: "rejected", errorLines };
  }

  const refused = (what: string, { errorLines, output }: StepOutcome): DeviceError =>
    new DeviceError("UNSUPPORTED_BY_PLATFORM", what, {
      deviceMessage: errorLines.join("\n") || redactor.redact(output.trim()),
      mode: rules.mode,
    });

  return {
    rules,
    timerMs: timerMsOf(rules, timerSeconds),
    step,
    ask: (on, line, options) => send(on, { send: line, mode: undefined, answers: [], expect: undefined }, options),
    async prepare(on, options = {}) {
      if (on.mode !== rules.base) await on.enterMode(rules.base, guards(options));
    },
    async running(on, options, form = rules.running) {
      const outcome = await step(on, form, options);
      if (outcome.status === "rejected") throw refused("the device does not show its configuration", outcome);
      return outcome.output;
    },
    async open(on, options) {
      if (rules.ready) {
        const ready = await step(on, rules.ready, options);
        if (ready.status === "rejected") throw refused("nobody is there to take lines of configuration", ready);
      }
      const enter = (timerSeconds === undefined ? undefined : rules.confirmed?.enter) ?? rules.enter;
      const outcome = await step(on, enter, options);
      if (on.mode !== rules.mode || outcome.status === "rejected") {
        throw refused("the device does not open its configuration", outcome);
      }
      const arm = timerSeconds === undefined ? undefined : rules.confirmed?.arm;
      if (!arm) return;
      const armed = await step(on, arm, options);
      if (armed.status === "rejected") throw refused("the device does not start its timer", armed);
    },
    async type(on, { text, block }, options = {}) {
      const outcome = await on.run({
        command: text,
        ...bounds(options),
        ...(block ? { block } : {}),
        ...(rules.errors ? { rejects: rules.errors } : {}),
      });
      if (on.mode === rules.mode) return outcome;
      return { ...outcome, status: "rejected", errorLines: [...outcome.errorLines, "the line left the configuration"] };
    },
    async leave(on, options = {}) {
      const limited = { idleTimeoutMs: leaveMs, ...options };
      if (rules.candidate && on.mode === rules.mode) await step(on, rules.candidate.discard, limited);
      if (on.mode === rules.mode) await step(on, rules.leave, limited);
    },
  };
}

function timerMsOf({ confirmed }: ConfigurationRules, seconds = 0): number {
  const starts = confirmed?.enter ?? confirmed?.commit ?? confirmed?.arm;
  return starts?.send.includes("{minutes}") ? Math.ceil(seconds / 60) * 60_000 : Math.trunc(seconds) * 1000;
}

function guards({ beforeWrite, signal }: StepOptions) {
  return { ...(beforeWrite ? { beforeWrite } : {}), ...(signal ? { signal } : {}) };
}

function bounds(options: StepOptions) {
  const { onOutput, maxOutputBytes, idleTimeoutMs, expectDisconnect } = options;
  return {
    idleTimeoutMs: idleTimeoutMs ?? idleMs,
    totalTimeoutMs: totalMs,
    settleMs,
    maxOutputBytes: maxOutputBytes ?? largestConfig,
    ...guards(options),
    ...(onOutput ? { onOutput } : {}),
    ...(expectDisconnect ? { expectDisconnect } : {}),
  };
}

function unsupported(message: string): DeviceError {
  return new DeviceError("UNSUPPORTED_BY_PLATFORM", message);
}
