import { type CommandText, createCommandText } from "./command-text.js";
import { DeviceError } from "./device-error.js";
import { createEchoFinder, type EchoFinder } from "./echo.js";
import { exchangeError, leftoverError, overtimeError, questionError, silenceError } from "./exchange-error.js";
import type { Ask, ExchangeContext, ExchangeRequest } from "./exchange-request.js";
import { createOutlet, type Outlet } from "./outlet.js";
import { createPromptMark, type PromptMark } from "./prompt-mark.js";
import { createPromptProbe, type PromptProbe } from "./prompt-probe.js";
import { matchAnyPrompt, type PromptMatch } from "./prompt.js";
import type { ShellListener } from "./shell.js";
import { settleMs, stillness } from "./stillness.js";

const interruptMs = 2_000;

type Phase = "echo" | "block" | "output" | "probe" | "interrupted" | "done";

/**
 * Types a line and reads until the prompt is back. Nothing before the echo of what was typed counts, and only the last
 * line, when nothing has followed it, can be a prompt. A prompt that came in one piece is believed at once; when lines
 * come torn (a slow link, a device that dribbles) it has to stand still for four times the longest pause seen inside a
 * line, so that a prompt-like line of output is not mistaken for the end.
 *
 * Afterwards `shell.state` tells whether the device is known to be at its prompt.
 */
export function exchange(context: ExchangeContext, request: ExchangeRequest): Promise<PromptMatch> {
  if (request.signal?.aborted)
    return Promise.reject(new DeviceError("CANCELLED", "cancelled before anything was sent"));
  if (context.shell.gone) return Promise.reject(context.shell.gone);
  return new Promise((resolve, reject) => new Exchange(context, request, resolve, reject).begin());
}

/** A read of a socket that brings less than this has emptied it. Node reads 64 KiB, of which half may be a packet's first half. */
const emptiedBelow = 16_384;

const lookAt = (exchange: Exchange): void => exchange.look();
const lookSoon = (exchange: Exchange): void => exchange.lookOnceRead();

/**
 * One exchange under way. A class, unlike its neighbours: a job has one for each of its lines, and thirty closures for
 * each were a third of what a worker allocated. What most lines do not need is made when it is needed.
 */
class Exchange implements ShellListener {
  private readonly context: ExchangeContext;
  private readonly request: ExchangeRequest;
  private readonly resolve: (prompt: PromptMatch) => void;
  private readonly reject: (error: unknown) => void;
  private readonly echo: EchoFinder | undefined;
  private readonly mark: PromptMark | undefined;
  private readonly unused: Ask[];
  private readonly begun: number;
  private phase: Phase;
  private failure: unknown;
  private pending = "";
  private heard: number;
  private openLine = false;
  private torn = false;
  private longestPause = 0;
  private pieces = 0;
  private answeredInMs = 0;
  /** More than the echo has come, or may still come behind what looks like the end. */
  private answered: boolean;
  private isLookDue = false;
  /** Bytes that came since the last look was asked for. */
  private news = 0;
  private blockAt = -1;
  private blockEcho: EchoFinder | undefined;
  private outlet: Outlet | undefined;
  private commandText: CommandText | undefined;
  private probe: PromptProbe | undefined;
  private cancelStill: (() => void) | undefined;
  private cancelWatch: (() => void) | undefined;
  private onAbort: (() => void) | undefined;
  private unlisten: (() => void) | undefined;

  constructor(
    context: ExchangeContext,
    request: ExchangeRequest,
    resolve: (prompt: PromptMatch) => void,
    reject: (error: unknown) => void,
  ) {
    this.context = context;
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
    const { platform, matcher, clock } = context;
    const { command, prompt, expectDisconnect } = request;
    if (command !== undefined) this.echo = createEchoFinder(platform, prompt, command);
    if (platform.promptsEarly && this.echo) {
      this.mark = createPromptMark(
        (line) => matcher.match(line) !== undefined,
        () => this.typeEmptyLine(),
      );
    }
    this.phase = this.echo ? "echo" : "output";
    this.blockEcho = this.echo;
    this.answered = command === undefined || expectDisconnect === true;
    this.unused = [...request.asks];
    this.begun = this.heard = clock.monotonic();
  }

  begin(): void {
    const { request } = this;
    const { shell } = this.context;
    this.unlisten = shell.listen(this);
    shell.state = "busy";
    this.watch(Math.min(request.idleTimeoutMs, request.totalTimeoutMs));
    if (request.signal) {
      this.onAbort = () => this.interrupt(exchangeError(this.context, "CANCELLED", "cancelled"));
      request.signal.addEventListener("abort", this.onAbort, { once: true });
    }
    this.guarded(() => {
      if (request.command !== undefined) this.send(`${request.command}\n`);
      else if (shell.line !== "") setImmediate(lookAt, this);
    });
  }

  // What the shell tells

  text(text: string, endsLine: boolean): void {
    const { request } = this;
    if (this.phase === "echo") {
      if (endsLine && this.echo?.isEcho(text)) this.phase = "output";
      else if (endsLine && request.refuseLeftovers && this.isLeftover(text))
        this.interrupt(leftoverError(this.context));
    } else if (this.phase === "probe") {
      if (this.probe?.take(text, endsLine)) return;
      this.phase = "output";
      this.output(text, endsLine);
    } else if (this.phase === "block") {
      if (endsLine && request.block && this.blockEcho?.isEcho(text)) this.goOnWithBlock(request.block.lines);
    } else if (this.phase === "output") {
      if (endsLine && this.mark?.isEcho(text)) return;
      this.answered = true;
      this.output(text, endsLine);
      if (endsLine && this.blockAt < 0 && request.block?.invite.test(text)) this.goOnWithBlock(request.block.lines);
    }
  }

  chunk(bytes: number): void {
    const now = this.context.clock.monotonic();
    if (this.openLine && this.phase === "output") {
      this.torn = true;
      this.longestPause = Math.max(this.longestPause, now - this.heard);
    }
    if (++this.pieces === 1) this.answeredInMs = now - this.begun;
    this.heard = now;
    this.openLine = this.phase !== "echo" && this.context.shell.line !== "";
    this.cancelStill?.();
    this.cancelStill = undefined;
    this.deliver();
    this.news += bytes;
    if (!this.isLookDue && this.phase !== "done") {
      this.isLookDue = true;
      process.nextTick(lookSoon, this);
    }
  }

  gone(error: unknown): void {
    // A device may hang up at a Ctrl-C: why it was typed is what there is to say.
    this.giveUp(this.phase === "interrupted" ? this.failure : error);
  }

  /** Looks at once what one read brought, while it is at hand; behind a large one, when the rest of it is read too. */
  lookOnceRead(): void {
    if (this.news < emptiedBelow) this.look();
    else setImmediate(lookAt, this);
  }

  /** Looks at the last line, once everything that has arrived by now is read. */
  look(): void {
    this.isLookDue = false;
    this.news = 0;
    const { phase, mark, request } = this;
    const { shell, platform, matcher } = this.context;
    if (phase === "done" || phase === "echo" || phase === "block") return;
    const line = shell.line;
    if (line === "") {
      // A message out of turn may have taken the prompt's place.
      if (phase !== "output") return;
      if (mark && mark.isOver() === mark.isSet()) this.still(stillness.question, () => mark.set(""));
      if (this.commandText?.isPromptBehind()) this.still(stillness.foreignPrompt, () => this.ask(""));
      return;
    }
    if (phase === "probe") return this.lookBehindProbe(line);
    const prompt = matcher.match(line, shell.above);
    if (phase === "interrupted") {
      if (prompt) this.still(stillness.interrupted, () => this.arrive(prompt));
      return;
    }
    if (prompt && mark && !mark.isOver()) {
      return this.still(mark.isSet() ? stillness.question : stillness.text, () => mark.set(line));
    }
    if (prompt) {
      const ms = this.settleMs();
      return ms > 0 ? this.still(ms, () => this.arrive(prompt)) : this.arrive(prompt);
    }
    const pager = platform.pagers.find(({ match }) => match.test(line));
    if (pager) return this.still(stillness.text, () => this.turnPage(pager.send));
    const ask = this.unused.find((one) => one.matches(line));
    if (ask) return this.still(stillness.text, () => this.answer(ask));
    const foreign = matchAnyPrompt(platform, line, shell.above);
    if (foreign && !matcher.learnt) return this.still(stillness.firstPrompt, () => this.arrive(foreign));
    if (foreign || (request.prompt !== "" && line.endsWith(request.prompt))) {
      return this.still(stillness.foreignPrompt, () => this.ask(line));
    }
    if (platform.questions?.test(line)) {
      this.still(stillness.question, () => this.interrupt(questionError(this.context, line)));
    }
  }

  // What is sent

  private send(text: string, secret = false): void {
    this.context.shell.send(text, { secret, beforeWrite: this.request.beforeWrite });
  }

  private typeEmptyLine(): void {
    this.send("\n");
  }

  /** The next line of the block goes out behind the echo of the one before: what stands between is no answer. */
  private goOnWithBlock(lines: readonly string[]): void {
    const line = lines[++this.blockAt];
    this.phase = line === undefined ? "output" : "block";
    if (line === undefined) return;
    this.blockEcho = createEchoFinder(this.context.platform, "", line);
    this.guarded(() => this.send(`${line}\n`));
  }

  private turnPage(key: string): void {
    this.context.shell.dropLine();
    this.openLine = false;
    this.send(key);
  }

  private answer(ask: Ask): void {
    this.unused.splice(this.unused.indexOf(ask), 1);
    let text: string;
    try {
      text = ask.answer();
    } catch (error) {
      return this.interrupt(error);
    }
    this.send(ask.isKey ? text : `${text}\n`, ask.hidden);
  }

  private ask(line: string): void {
    const { platform, matcher } = this.context;
    this.probe ??= createPromptProbe(
      platform,
      matcher,
      () => this.typeEmptyLine(),
      (held) => this.output(held, true),
    );
    if (this.probe.ask(line)) this.phase = "probe";
  }

  private lookBehindProbe(line: string): void {
    const found = this.probe?.find(line, this.context.shell.above);
    if (!found) return;
    this.still(stillness.text, () => {
      if (found.before !== "") this.output(found.before, false);
      this.arrive(found.prompt);
    });
  }

  // Output

  private output(text: string, endsLine: boolean): void {
    this.commandText ??= createCommandText(this.context, (line, isWhole) => {
      if (isWhole) this.request.onLine?.(line);
      this.pending += isWhole ? `${line}\n` : line;
    });
    this.commandText.take(text, endsLine);
  }

  private deliver(): void {
    if (this.pending === "" || this.phase === "interrupted") return;
    const text = this.pending;
    this.pending = "";
    this.outlet ??= createOutlet(
      (piece) => this.request.onText?.(piece),
      this.context.shell,
      (error) => this.interrupt(error),
    );
    this.outlet.push(text);
  }

  private settleMs(): number {
    const { answered, answeredInMs, pieces, torn, longestPause } = this;
    return settleMs(this.context.platform, this.request, { answered, answeredInMs, pieces, torn, longestPause });
  }

  // Time

  private still(ms: number, then: () => void): void {
    this.cancelStill?.();
    this.cancelStill = this.context.clock.timer(ms, () => {
      this.cancelStill = undefined;
      this.guarded(then);
    });
  }

  private watch(ms: number): void {
    this.cancelWatch = this.context.clock.timer(ms, () => {
      // After a stall of our own event loop the bytes may be here already, unread: let them be read first.
      const check = setImmediate(() => this.lookAtTime());
      this.cancelWatch = () => clearImmediate(check);
    });
  }

  private lookAtTime(): void {
    const now = this.context.clock.monotonic();
    if (this.outlet?.isBusy()) this.heard = now;
    const idleLeft = this.request.idleTimeoutMs - (now - this.heard);
    const left = Math.min(idleLeft, this.request.totalTimeoutMs - (now - this.begun));
    if (left > 0.5) this.watch(left);
    else {
      const errorOf = left < idleLeft ? overtimeError : silenceError;
      this.interrupt(errorOf(this.context, this.request, this.phase === "echo"));
    }
  }

  // Ends

  private leave(): void {
    this.phase = "done";
    this.cancelStill?.();
    this.cancelWatch?.();
    if (this.onAbort) this.request.signal?.removeEventListener("abort", this.onAbort);
    this.unlisten?.();
  }

  private arrive(prompt: PromptMatch): void {
    this.context.matcher.learn(prompt);
    if (this.phase === "interrupted") {
      this.leave();
      this.context.shell.state = "ready";
      return this.reject(this.failure);
    }
    this.commandText?.end();
    this.leave();
    this.context.shell.state = "ready";
    this.deliver();
    this.drained(() => (this.failure === undefined ? this.resolve(prompt) : this.reject(this.failure)));
  }

  private giveUp(error: unknown): void {
    if (this.phase === "done") return;
    const { shell } = this.context;
    this.deliver();
    this.leave();
    if (shell.state === "busy") shell.state = "doubtful";
    this.drained(() => this.reject(error));
  }

  private drained(then: () => void): void {
    if (this.outlet?.isBusy()) void this.outlet.drained().then(then);
    else then();
  }

  /** Fails with this error once the device is back at its prompt, or could not be brought there. */
  private interrupt(error: unknown): void {
    if (this.phase === "done") {
      this.failure ??= error;
      return;
    }
    if (this.phase === "interrupted") return;
    this.deliver();
    this.failure = error;
    if (!this.context.matcher.learnt) return this.giveUp(error);
    this.phase = "interrupted";
    this.cancelStill?.();
    this.cancelWatch?.();
    this.guarded(() => {
      this.send("\x03");
      this.cancelWatch = this.context.clock.timer(interruptMs, () => {
        this.giveUp(error);
        this.context.shell.close();
      });
    });
  }

  private guarded(action: () => void): void {
    if (this.phase === "done") return;
    try {
      action();
    } catch (error) {
      this.giveUp(error);
    }
  }

  /** Neither our echo, nor a log message, nor a prompt: something that was running printed on. */
  private isLeftover(line: string): boolean {
    const { prompt } = this.request;
    return line.trim() !== "" && !line.startsWith(prompt.trimEnd()) && !this.context.platform.log?.test(line);
  }
}
