import type { Clock } from "../domain/clock.js";
import { checkCommand, createErrorLines, createOutputGauge } from "./command.js";
import { helpKeyProblem } from "./help-key.js";
import { DeviceError } from "./device-error.js";
import type { Endpoint } from "./endpoint.js";
import { exchange } from "./exchange.js";
import type { Ask, ExchangeContext } from "./exchange-request.js";
import type { LiveSession } from "./live-session.js";
import { login } from "./login.js";
import { shortestPath, walkToMode } from "./modes.js";
import { createPromptMatcher, matchAnyPrompt, type PromptMatch } from "./prompt.js";
import { createRedactor } from "./redact.js";
import type { Answer, CommandOutcome, CommandRequest, TypedBlock } from "./session.js";
import { createShell } from "./shell.js";
import type { RecordedBlock, Transcript, TranscriptStart } from "./transcript.js";
import type { Transport } from "./transport.js";

/** How to open a session on a connection. */
export interface OpenOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly beforeWrite?: (() => void) | undefined;
  readonly transcript?: Transcript | undefined;
  /** Only for replay: the terminal is already at this prompt. */
  readonly resume?: TranscriptStart | undefined;
}

const refreshMs = 5_000;
const goodbyeMs = 500;

/** Opens a terminal, logs in and waits at the first prompt. On failure the connection is left to the caller. */
export async function openShellSession(
  transport: Transport,
  endpoint: Endpoint,
  options: OpenOptions,
): Promise<LiveSession> {
  const { clock } = options;
  const { platform, account } = endpoint;
  const started = clock.monotonic();
  const channel = await transport.openShell(platform.terminal.columns, platform.terminal.rows);
  const shell = createShell(channel, platform);
  transport.onClose((error) => shell.lost(error));
  shell.guard = options.beforeWrite;
  shell.transcript = options.transcript;
  const redactor = createRedactor(platform.secrets, [account.password, account.enableSecret, account.passphrase]);
  const context: ExchangeContext = {
    shell,
    platform,
    clock,
    matcher: createPromptMatcher(platform),
    redact: (text) => redactor.redact(text),
  };

  options.transcript?.begin(platform.name, redactor, options.resume);
  let prompt: PromptMatch;
  if (options.resume) {
    const known = matchAnyPrompt(platform, options.resume.prompt);
    if (!known) throw new DeviceError("PROMPT_NOT_FOUND", "the transcript starts at no prompt of its platform");
    prompt = { ...known, mode: options.resume.mode };
    context.matcher.learn(prompt);
    shell.state = "ready";
  } else {
    prompt = await login(context, account, { timeoutMs: endpoint.loginTimeoutMs ?? 30_000, signal: options.signal });
  }
  const loginMode = options.resume?.loginMode ?? prompt.mode;
  const timings = { connectMs: transport.connectMs, authMs: transport.authMs, loginMs: clock.monotonic() - started };
  let reused = false;
  let hasRun = false;
  let closing: Promise<void> | undefined;

  const withMode = (error: unknown): unknown =>
    error instanceof DeviceError && error.mode === undefined
      ? new DeviceError(error.reason, error.message, { ...error, mode: prompt.mode, cause: error.cause })
      : error;

  const run = async (request: CommandRequest): Promise<CommandOutcome> => {
    checkCommand(request);
    const helps = request.own ? undefined : helpKeyProblem(platform.helpKey, request.command);
    if (helps !== undefined) throw new DeviceError("UNSUPPORTED_BY_PLATFORM", helps);
    shell.transcript?.note({
      d: "command",
      command: request.command,
      ...recordedAnswers(request.answers),
      ...recordedBlock(request.block),
    });
    const from = clock.monotonic();
    const gauge = createOutputGauge(request);
    const errors = createErrorLines([platform.errors, request.rejects], context.redact);
    const renamed = platform.rename?.exec(request.command)?.groups?.["host"];
    if (renamed !== undefined) context.matcher.expectRename(renamed);
    try {
      prompt = await exchange(context, {
        command: request.command,
        prompt: prompt.text,
        asks: (request.answers ?? []).map(toAsk),
        block: request.block,
        idleTimeoutMs: request.idleTimeoutMs,
        totalTimeoutMs: request.totalTimeoutMs,
        settleMs: request.settleMs,
        expectDisconnect: request.expectDisconnect,
        // Before the first command, what still comes is a late greeting.
        refuseLeftovers: hasRun && request.refuseLeftovers,
        timeoutReason: "OUTPUT_TIMEOUT",
        signal: request.signal,
        beforeWrite: request.beforeWrite,
        onLine: (line) => errors.see(line),
        onText: (text) => gauge.take(text),
      });
    } catch (error) {
      throw withMode(error);
    } finally {
      hasRun = true;
      resync();
    }
    return {
      status: errors.lines.length > 0 ? "rejected" : "ok",
      errorLines: errors.lines,
      durationMs: clock.monotonic() - from,
      truncated: gauge.isTruncated(),
    };
  };

  /** After an interrupted exchange the prompt is the one on the screen. */
  const resync = (): void => {
    if (shell.state !== "ready") return;
    const seen = context.matcher.match(shell.line, shell.above);
    if (seen) prompt = seen;
  };

  const farewell = (): string => {
    const home = shortestPath(platform, prompt.mode, loginMode) ?? [];
    return [...home.map((edge) => edge.send), ...platform.onClose].map((line) => `${line}\n`).join("");
  };

  const goodbye = async (): Promise<void> => {
    const wasReady = shell.state === "ready";
    if (!wasReady || platform.onClose.length === 0) return;
    shell.state = "doubtful";
    await new Promise<void>((resolve) => {
      const cancel = clock.timer(goodbyeMs, resolve);
      try {
        const unlisten = shell.listen({
          text: () => undefined,
          chunk: () => undefined,
          gone: () => {
            cancel();
            unlisten();
            resolve();
          },
        });
        shell.send(farewell());
      } catch {
        cancel();
        resolve(); // the guard forbids it, or a command is still running: hang up without a word
      }
    });
  };

  return {
    get reused() {
      return reused;
    },
    get mode() {
      return prompt.mode;
    },
    get prompt() {
      return prompt.text;
    },
    get certain() {
      return shell.state === "ready" && !transport.closed && closing === undefined;
    },
    get heardUnasked() {
      return shell.heardUnasked;
    },
    loginMode,
    hostKey: transport.hostKey,
    newBastionKeys: transport.newBastionKeys ?? [],
    remoteVersion: transport.remoteVersion,
    ...(transport.cryptoProfile === undefined ? {} : { cryptoProfile: transport.cryptoProfile }),
    timings,
    run,
    async enterMode(mode, modeOptions = {}) {
      shell.transcript?.note({ d: "mode", mode });
      try {
        await walkToMode(context, account, prompt, mode, modeOptions, (arrived) => (prompt = arrived));
      } finally {
        resync();
      }
    },
    begin(owner) {
      reused = owner.reused;
      hasRun = false;
      shell.guard = owner.beforeWrite;
      shell.transcript = owner.transcript;
      if (reused)
        owner.transcript?.begin(platform.name, redactor, { prompt: prompt.text, mode: prompt.mode, loginMode });
    },
    end(guard) {
      shell.guard = guard;
      shell.transcript = undefined;
      shell.rest();
    },
    async refresh(signal) {
      shell.transcript?.note({ d: "refresh" });
      prompt = await exchange(context, {
        command: "",
        prompt: prompt.text,
        asks: [],
        idleTimeoutMs: refreshMs,
        totalTimeoutMs: refreshMs,
        timeoutReason: "PROMPT_NOT_FOUND",
        signal,
      });
      if (prompt.mode !== loginMode) {
        await walkToMode(
          context,
          account,
          prompt,
          loginMode,
          { ...(signal ? { signal } : {}) },
          (arrived) => (prompt = arrived),
        );
      }
    },
    close: () => (closing ??= goodbye().then(() => transport.close())),
    onClose: (listener) => transport.onClose(() => listener()),
  };
}

function toAsk(answer: Answer): Ask {
  const question = answer.question.trimEnd();
  return {
    matches: (line) => question !== "" && line.trimEnd().endsWith(question),
    answer: () => answer.answer,
    hidden: answer.hidden ?? false,
  };
}

function recordedBlock(block: TypedBlock | undefined): { readonly block?: RecordedBlock } {
  return block ? { block: { invite: block.invite.source, lines: block.lines } } : {};
}

function recordedAnswers(answers: readonly Answer[] | undefined): { readonly answers?: readonly Answer[] } {
  if (!answers || answers.length === 0) return {};
  return { answers: answers.map((answer) => (answer.hidden ? { ...answer, answer: "********" } : answer)) };
}
