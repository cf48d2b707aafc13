import type { Clock } from "../domain/clock.js";
import { DeviceError, type DeviceErrorReason } from "./device-error.js";
import { createEchoFinder } from "./echo.js";
import { createLogHold } from "./log-hold.js";
import { createOutlet } from "./outlet.js";
import { createPromptHead } from "./prompt-head.js";
import { createPromptMark } from "./prompt-mark.js";
import { createPromptProbe } from "./prompt-probe.js";
import type { Platform } from "./platform.js";
import { matchAnyPrompt, type PromptMatch, type PromptMatcher } from "./prompt.js";
import type { TypedBlock } from "./session.js";
import type { Shell } from "./shell.js";

/** A question that may come and how to answer it, once. */
export interface Ask {
  matches(line: string): boolean;
  /** Without line end. Throws a DeviceError when there is no answer. */
  answer(): string;
  readonly hidden: boolean;
  /** The answer is a key press: no line end follows. Default false. */
  readonly isKey?: boolean;
}

/** Something typed, and what may happen until the prompt is back. */
export interface ExchangeRequest {
  /** Typed with a line end, its echo awaited; undefined: only listen (at login). */
  readonly command: string | undefined;
  /** The last line at the moment of typing. */
  readonly prompt: string;
  readonly asks: readonly Ask[];
  /** See CommandRequest. */
  readonly block?: TypedBlock | undefined;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
  /** How long a prompt must stand still before it is believed, in milliseconds. Default: not at all. */
  readonly settleMs?: number | undefined;
  /** See CommandRequest. */
  readonly expectDisconnect?: boolean | undefined;
  /** Fails when the device prints more of something else before it repeats what was typed. Default false. */
  readonly refuseLeftovers?: boolean | undefined;
  /** What a missing prompt is called. */
  readonly timeoutReason: DeviceErrorReason;
  readonly signal?: AbortSignal | undefined;
  readonly beforeWrite?: (() => void) | undefined;
  /** Each whole line of output, before it is delivered. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Output in order. What it throws interrupts the command and is what the exchange rejects with. */
  readonly onText?: ((text: string) => void | Promise<void>) | undefined;
}

/** What an exchange works with. */
export interface ExchangeContext {
  readonly shell: Shell;
  readonly platform: Platform;
  readonly matcher: PromptMatcher;
  readonly clock: Clock;
  readonly redact: (text: string) => string;
}

/** How long something must stand still at the end of the output before it is believed, in milliseconds. */
const stillness = {
  /** A pager or an expected question, which could also be a line of output cut in two. */
  text: 15,
  /** A prompt that may be painted once more. */
  repainted: 30,
  /** The first prompt of a login. */
  firstPrompt: 40,
  /** The prompt after Ctrl-C. */
  interrupted: 30,
  /** A question nobody expected. */
  question: 400,
  /** Something that looks like a prompt but is not ours. */
  foreignPrompt: 250,
};
const interruptMs = 2_000;

type Phase = "echo" | "block" | "output" | "probe" | "interrupted" | "done";

/**
 * Types a line and reads until the prompt is back. Nothing before the echo of what was typed counts, and only the last
 * line, when nothing has followed it, can be a prompt. A prompt that came in one piece is believed at once; when lines
 * come torn (a slow link, a device that dribbles) it has to stand still for four times the longest pause seen inside a
 * line, so that a prompt-like line of output is not mistaken for the end.
 *
 * Afterwards `shell.state` tells whether the device is known to be at its prompt.
 *
 * What is made for one command has methods and no getters: each object literal with a getter has a shape of its own, which
 * the engine keeps, with all that the getter sees, until its next full collection.
 */
export function exchange(context: ExchangeContext, request: ExchangeRequest): Promise<PromptMatch> {
  const { shell, platform, matcher, clock } = context;
  if (request.signal?.aborted)
    return Promise.reject(new DeviceError("CANCELLED", "cancelled before anything was sent"));
  if (shell.gone) return Promise.reject(shell.gone);
  const echo = request.command === undefined ? undefined : createEchoFinder(platform, request.prompt, request.command);

  return new Promise<PromptMatch>((resolve, reject) => {
    let phase: Phase = echo ? "echo" : "output";
    let failure: unknown;
    let pending = "";
    let heard = clock.monotonic();
    let openLine = false;
    let torn = false;
    let answered = request.command === undefined || request.expectDisconnect === true;
    let longestPause = 0;
    let scheduled = false;
    const unused = [...request.asks];
    let blockAt = -1;
    let blockEcho = echo;
    let cancelStill: (() => void) | undefined;
    let cancelIdle: () => void = () => undefined;
    let cancelTotal: () => void = () => undefined;

    const outlet = createOutlet(
      (text) => request.onText?.(text),
      shell,
      (error) => interrupt(error),
    );

    // Timers

    const still = (ms: number, then: () => void): void => {
      cancelStill?.();
      cancelStill = clock.timer(ms, () => {
        cancelStill = undefined;
        guarded(then);
      });
    };
    const watchIdle = (ms: number): void => {
      cancelIdle = clock.timer(ms, () => {
        // After a stall of our own event loop the bytes may be here already, unread: let them be read first.
        const check = setImmediate(() => {
          if (outlet.isBusy()) heard = clock.monotonic();
          const left = request.idleTimeoutMs - (clock.monotonic() - heard);
          if (left > 0.5) watchIdle(left);
          else interrupt(timeoutError());
        });
        cancelIdle = () => clearImmediate(check);
      });
    };
    const watchTotal = (): (() => void) =>
      clock.timer(request.totalTimeoutMs, () => {
        const reason = echo ? "EXECUTION_TIMEOUT" : request.timeoutReason;
        interrupt(problem(reason, `not finished after ${request.totalTimeoutMs} ms`, expectation()));
      });
    const onAbort = (): void => interrupt(problem("CANCELLED", "cancelled"));

    // Ends

    const leave = (): void => {
      phase = "done";
      cancelStill?.();
      cancelIdle();
      cancelTotal();
      request.signal?.removeEventListener("abort", onAbort);
      unlisten();
    };
    const arrive = (prompt: PromptMatch): void => {
      matcher.learn(prompt);
      const interrupted = phase === "interrupted";
      if (!interrupted) {
        head.drop();
        hold.end();
      }
      leave();
      shell.state = "ready";
      if (interrupted) return reject(failure);
      outlet.push(pending);
      pending = "";
      void outlet.drained().then(() => (failure === undefined ? resolve(prompt) : reject(failure as Error)));
    };
    const giveUp = (error: unknown): void => {
      if (phase === "done") return;
      deliver();
      leave();
      if (shell.state === "busy") shell.state = "doubtful";
      void outlet.drained().then(() => reject(error));
    };
    /** Fails with this error once the device is back at its prompt, or could not be brought there. */
    const interrupt = (error: unknown): void => {
      if (phase === "done") {
        failure ??= error;
        return;
      }
      if (phase === "interrupted") return;
      deliver();
      failure = error;
      if (!matcher.learnt) return giveUp(error);
      phase = "interrupted";
      cancelStill?.();
      cancelIdle();
      guarded(() => {
        shell.send("\x03", { beforeWrite: request.beforeWrite });
        cancelIdle = clock.timer(interruptMs, () => {
          giveUp(error);
          shell.close();
        });
      });
    };
    const guarded = (action: () => void): void => {
      if (phase === "done") return;
      try {
        action();
      } catch (error) {
        giveUp(error);
      }
    };
    const expectation = (): string => (phase === "echo" ? "the echo of the command" : `a prompt of ${platform.name}`);
    const problem = (
      reason: DeviceErrorReason,
      message: string,
      expected?: string,
      deviceMessage?: string,
    ): DeviceError =>
      new DeviceError(reason, message, {
        tail: context.redact(shell.recent),
        expected,
        deviceMessage: deviceMessage === undefined ? undefined : context.redact(deviceMessage),
      });
    const timeoutError = (): DeviceError => {
      const line = shell.line.trim();
      if (phase !== "echo" && /[?:]$/.test(line))
        return problem("UNEXPECTED_QUESTION", "the device asks something", undefined, line);
      return problem(request.timeoutReason, `nothing came for ${request.idleTimeoutMs} ms`, expectation());
    };

    /** Neither our echo, nor a log message, nor a prompt: something that was running printed on. */
    const isLeftover = (line: string): boolean =>
      line.trim() !== "" && !line.startsWith(request.prompt.trimEnd()) && !platform.log?.test(line);
    const leftoverError = (): DeviceError => {
      const what = "the device printed on behind what looked like its prompt: the output before this command is cut";
      return problem("PROMPT_NOT_FOUND", what, expectation());
    };

    // Output

    const hold = createLogHold(
      platform.log,
      (line) => matcher.match(line) !== undefined,
      (text, endsLine) => {
        if (endsLine) request.onLine?.(text);
        pending += endsLine ? `${text}\n` : text;
      },
    );
    const head = createPromptHead(platform.above, (text, endsLine) => (endsLine ? hold.line(text) : hold.part(text)));
    const output = (text: string, endsLine: boolean): void => head.take(text, endsLine);
    const typeEmptyLine = (): void => shell.send("\n", { beforeWrite: request.beforeWrite });
    const mark = createPromptMark(
      platform.promptsEarly && echo !== undefined,
      (line) => matcher.match(line) !== undefined,
      typeEmptyLine,
    );
    const probe = createPromptProbe(platform, matcher, typeEmptyLine, (line) => output(line, true));
    const deliver = (): void => {
      if (pending === "" || phase === "interrupted") return;
      const text = pending;
      pending = "";
      outlet.push(text);
    };

    /** The next line of the block goes out behind the echo of the one before: what stands between is no answer. */
    const goOnWithBlock = (lines: readonly string[]): void => {
      const line = lines[++blockAt];
      phase = line === undefined ? "output" : "block";
      if (line === undefined) return;
      blockEcho = createEchoFinder(platform, "", line);
      guarded(() => shell.send(`${line}\n`, { beforeWrite: request.beforeWrite }));
    };

    const askProbe = (line: string): void => {
      if (probe.ask(line)) phase = "probe";
    };
    const lookAfterProbe = (line: string): void => {
      const found = probe.find(line, shell.above);
      if (!found) return;
      still(stillness.text, () => {
        if (found.before !== "") output(found.before, false);
        arrive(found.prompt);
      });
    };

    /** Looks at the last line, once everything that has arrived by now is read. */
    const look = (): void => {
      scheduled = false;
      if (phase === "done" || phase === "echo" || phase === "block") return;
      const line = shell.line;
      if (line === "") {
        // A message out of turn may have taken the prompt's place.
        if (phase === "output" && mark.isOver() === mark.isSet()) still(stillness.question, () => mark.set(""));
        if (phase === "output" && hold.isPromptBehind()) still(stillness.foreignPrompt, () => askProbe(""));
        return;
      }
      if (phase === "probe") return lookAfterProbe(line);
      const prompt = matcher.match(line, shell.above);
      if (phase === "interrupted") {
        if (prompt) still(stillness.interrupted, () => arrive(prompt));
        return;
      }
      if (prompt && !mark.isOver()) {
        return still(mark.isSet() ? stillness.question : stillness.text, () => mark.set(line));
      }
      if (prompt) {
        const settleMs = Math.max(
          answered ? (request.settleMs ?? 0) : 0,
          platform.repaints ? stillness.repainted : 0,
          torn ? Math.min(Math.max(4 * longestPause, 10), 500) : 0,
        );
        return settleMs > 0 ? still(settleMs, () => arrive(prompt)) : arrive(prompt);
      }
      const pager = platform.pagers.find(({ match }) => match.test(line));
      if (pager) return still(stillness.text, () => turnPage(pager.send));
      const ask = unused.find((one) => one.matches(line));
      if (ask) return still(stillness.text, () => answer(ask));
      const foreign = matchAnyPrompt(platform, line, shell.above);
      if (foreign && !matcher.learnt) return still(stillness.firstPrompt, () => arrive(foreign));
      if (foreign || (request.prompt !== "" && line.endsWith(request.prompt))) {
        return still(stillness.foreignPrompt, () => askProbe(line));
      }
      if (platform.questions?.test(line)) {
        still(stillness.question, () =>
          interrupt(
            problem("UNEXPECTED_QUESTION", "the device asks something that has no answer", undefined, line.trim()),
          ),
        );
      }
    };
    const turnPage = (key: string): void => {
      shell.dropLine();
      openLine = false;
      shell.send(key, { beforeWrite: request.beforeWrite });
    };
    const answer = (ask: Ask): void => {
      unused.splice(unused.indexOf(ask), 1);
      let text: string;
      try {
        text = ask.answer();
      } catch (error) {
        return interrupt(error);
      }
      shell.send(ask.isKey ? text : `${text}\n`, { secret: ask.hidden, beforeWrite: request.beforeWrite });
    };

    const unlisten = shell.listen({
      text(text, endsLine) {
        if (phase === "echo") {
          if (endsLine && echo?.isEcho(text)) phase = "output";
          else if (endsLine && request.refuseLeftovers && isLeftover(text)) interrupt(leftoverError());
        } else if (phase === "probe") {
          if (probe.take(text, endsLine)) return;
          phase = "output";
          output(text, endsLine);
        } else if (phase === "block") {
          if (endsLine && request.block && blockEcho?.isEcho(text)) goOnWithBlock(request.block.lines);
        } else if (phase === "output" && endsLine && mark.isEcho(text)) {
          return;
        } else if (phase === "output") {
          answered = true;
          output(text, endsLine);
          if (endsLine && blockAt < 0 && request.block?.invite.test(text)) goOnWithBlock(request.block.lines);
        }
      },
      chunk() {
        const now = clock.monotonic();
        if (openLine && phase === "output") {
          torn = true;
          longestPause = Math.max(longestPause, now - heard);
        }
        heard = now;
        openLine = phase !== "echo" && shell.line !== "";
        cancelStill?.();
        cancelStill = undefined;
        deliver();
        if (!scheduled && phase !== "done") {
          scheduled = true;
          setImmediate(look);
        }
      },
      gone: giveUp,
    });

    shell.state = "busy";
    cancelTotal = watchTotal();
    watchIdle(request.idleTimeoutMs);
    request.signal?.addEventListener("abort", onAbort, { once: true });
    guarded(() => {
      if (request.command !== undefined) shell.send(`${request.command}\n`, { beforeWrite: request.beforeWrite });
      else if (shell.line !== "") setImmediate(look);
    });
  });
}
