import type { Clock } from "../domain/clock.js";
import { channelInTime } from "./channel-in-time.js";
import { checkCommand, createErrorLines, createOutputGauge } from "./command.js";
import { helpKeyProblem } from "./help-key.js";
import { DeviceError } from "./device-error.js";
import type { CryptoProfile } from "../domain/crypto-profile.js";
import type { Account, Endpoint } from "./endpoint.js";
import { exchange } from "./exchange.js";
import type { Ask, ExchangeContext } from "./exchange-request.js";
import type { LiveSession } from "./live-session.js";
import { login } from "./login.js";
import { shortestPath, walkToMode } from "./modes.js";
import { createPromptMatcher, matchAnyPrompt, type PromptMatch } from "./prompt.js";
import type { Platform } from "./platform.js";
import { createRedactor, type Redactor } from "./redact.js";
import type { Answer, CommandOutcome, CommandRequest, ModeOptions, TypedBlock } from "./session.js";
import { createShell, type Shell } from "./shell.js";
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
  const timeoutMs = endpoint.loginTimeoutMs ?? 30_000;
  const channel = await channelInTime(transport.openShell(platform.terminal.columns, platform.terminal.rows), {
    ...{ clock, ms: timeoutMs, signal: options.signal },
    late: () => new DeviceError("PROMPT_NOT_FOUND", `the device opened no terminal in ${timeoutMs} ms`),
  });
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
    prompt = await login(context, account, { timeoutMs, signal: options.signal });
  }
  return new ShellSession({
    ...{ transport, endpoint, shell, context, redactor, prompt },
    loginMode: options.resume?.loginMode ?? prompt.mode,
    loginMs: clock.monotonic() - started,
  });
}

/** A terminal that has logged in, and how it came to be. */
interface LoggedIn {
  readonly transport: Transport;
  readonly endpoint: Endpoint;
  readonly shell: Shell;
  readonly context: ExchangeContext;
  readonly redactor: Redactor;
  readonly prompt: PromptMatch;
  readonly loginMode: string;
  readonly loginMs: number;
}

/** One of thousands: a class, so that all of them are of one shape and share their methods. */
class ShellSession implements LiveSession {
  reused = false;
  readonly loginMode: string;
  readonly hostKey: Transport["hostKey"];
  readonly newBastionKeys: LiveSession["newBastionKeys"];
  readonly remoteVersion: string;
  readonly cryptoProfile?: CryptoProfile;
  readonly timings: LiveSession["timings"];
  private readonly transport: Transport;
  private readonly platform: Platform;
  private readonly account: Account;
  private readonly shell: Shell;
  private readonly context: ExchangeContext;
  private readonly redactor: Redactor;
  private current: PromptMatch;
  private hasRun = false;
  private closing: Promise<void> | undefined = undefined;

  constructor({ transport, endpoint, shell, context, redactor, prompt, loginMode, loginMs }: LoggedIn) {
    this.loginMode = loginMode;
    this.hostKey = transport.hostKey;
    this.newBastionKeys = transport.newBastionKeys ?? [];
    this.remoteVersion = transport.remoteVersion;
    if (transport.cryptoProfile !== undefined) this.cryptoProfile = transport.cryptoProfile;
    this.timings = { connectMs: transport.connectMs, authMs: transport.authMs, loginMs };
    this.transport = transport;
    this.platform = endpoint.platform;
    this.account = endpoint.account;
    this.shell = shell;
    this.context = context;
    this.redactor = redactor;
    this.current = prompt;
  }

  get mode(): string {
    return this.current.mode;
  }

  get prompt(): string {
    return this.current.text;
  }

  get certain(): boolean {
    return this.shell.state === "ready" && !this.transport.closed && this.closing === undefined;
  }

  get heardUnasked(): boolean {
    return this.shell.heardUnasked;
  }

  async run(request: CommandRequest): Promise<CommandOutcome> {
    const { shell, platform, context } = this;
    checkCommand(request);
    const helps = request.own ? undefined : helpKeyProblem(platform.helpKey, request.command);
    if (helps !== undefined) throw new DeviceError("UNSUPPORTED_BY_PLATFORM", helps);
    shell.transcript?.note({
      d: "command",
      command: request.command,
      ...recordedAnswers(request.answers),
      ...recordedBlock(request.block),
    });
    const from = context.clock.monotonic();
    const gauge = createOutputGauge(request);
    const errors = createErrorLines([platform.errors, request.rejects], context.redact);
    const renamed = platform.rename?.exec(request.command)?.groups?.["host"];
    if (renamed !== undefined) context.matcher.expectRename(renamed);
    try {
      this.current = await exchange(context, {
        command: request.command,
        prompt: this.current.text,
        asks: request.answers?.map(toAsk) ?? [],
        block: request.block,
        idleTimeoutMs: request.idleTimeoutMs,
        totalTimeoutMs: request.totalTimeoutMs,
        settleMs: request.settleMs,
        settlesAsAnswered: request.settlesAsAnswered,
        isFollowed: request.isFollowed,
        expectDisconnect: request.expectDisconnect,
        // Before the first command, what still comes is a late greeting.
        refuseLeftovers: this.hasRun && request.refuseLeftovers,
        timeoutReason: "OUTPUT_TIMEOUT",
        signal: request.signal,
        beforeWrite: request.beforeWrite,
        onLine: errors.see,
        onText: gauge.take,
      });
    } catch (error) {
      throw this.withMode(error);
    } finally {
      this.hasRun = true;
      this.resync();
    }
    return {
      status: errors.lines.length > 0 ? "rejected" : "ok",
      errorLines: errors.lines,
      durationMs: context.clock.monotonic() - from,
      truncated: gauge.isTruncated(),
    };
  }

  async enterMode(mode: string, options: ModeOptions = {}): Promise<void> {
    this.shell.transcript?.note({ d: "mode", mode });
    try {
      await this.walkTo(mode, options);
    } finally {
      this.resync();
    }
  }

  begin(owner: Parameters<LiveSession["begin"]>[0]): void {
    const { shell, redactor, loginMode } = this;
    this.reused = owner.reused;
    this.hasRun = false;
    shell.guard = owner.beforeWrite;
    shell.transcript = owner.transcript;
    if (owner.reused) {
      owner.transcript?.begin(this.platform.name, redactor, { prompt: this.prompt, mode: this.mode, loginMode });
    }
  }

  end(guard?: () => void): void {
    this.shell.guard = guard;
    this.shell.transcript = undefined;
    this.shell.rest();
  }

  async refresh(signal?: AbortSignal): Promise<void> {
    this.shell.transcript?.note({ d: "refresh" });
    this.current = await exchange(this.context, {
      command: "",
      prompt: this.prompt,
      asks: [],
      idleTimeoutMs: refreshMs,
      totalTimeoutMs: refreshMs,
      timeoutReason: "PROMPT_NOT_FOUND",
      signal,
    });
    if (this.mode !== this.loginMode) await this.walkTo(this.loginMode, signal ? { signal } : {});
  }

  close(): Promise<void> {
    return (this.closing ??= this.goodbye().then(() => this.transport.close()));
  }

  onClose(listener: () => void): void {
    this.transport.onClose(() => listener());
  }

  private walkTo(mode: string, options: ModeOptions): Promise<void> {
    const { context, account, current } = this;
    return walkToMode(context, account, current, mode, options, (arrived) => (this.current = arrived));
  }

  private withMode(error: unknown): unknown {
    return error instanceof DeviceError && error.mode === undefined
      ? new DeviceError(error.reason, error.message, { ...error, mode: this.mode, cause: error.cause })
      : error;
  }

  /** After an interrupted exchange the prompt is the one on the screen. */
  private resync(): void {
    if (this.shell.state !== "ready") return;
    const seen = this.context.matcher.match(this.shell.line, this.shell.above);
    if (seen) this.current = seen;
  }

  private farewell(): string {
    const home = shortestPath(this.platform, this.mode, this.loginMode) ?? [];
    return [...home.map((edge) => edge.send), ...this.platform.onClose].map((line) => `${line}\n`).join("");
  }

  private async goodbye(): Promise<void> {
    const { shell } = this;
    const wasReady = shell.state === "ready";
    if (!wasReady || this.platform.onClose.length === 0) return;
    shell.state = "doubtful";
    await new Promise<void>((resolve) => {
      const cancel = this.context.clock.timer(goodbyeMs, resolve);
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
        shell.send(this.farewell());
      } catch {
        cancel();
        resolve(); // the guard forbids it, or a command is still running: hang up without a word
      }
    });
  }
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
