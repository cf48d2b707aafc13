import type { Clock } from "../domain/clock.js";
import { channelInTime } from "./channel-in-time.js";
import { checkCommand, createOutputGauge, mostErrorLines } from "./command.js";
import { createDecoder } from "./decoder.js";
import { DeviceError } from "./device-error.js";
import type { Endpoint } from "./endpoint.js";
import type { LiveSession } from "./live-session.js";
import { createOutlet } from "./outlet.js";
import { createRecentText } from "./recent-text.js";
import { createRedactor, type Redactor } from "./redact.js";
import type { CommandOutcome, CommandRequest } from "./session.js";
import type { OpenOptions } from "./shell-session.js";
import type { Transcript } from "./transcript.js";
import type { Channel, ChannelEnd, Transport } from "./transport.js";

/** The only mode of a platform whose commands run in channels of their own. */
const execMode = "exec";
const interruptMs = 2_000;
/** Longest pause before a channel is asked for again, in milliseconds; all of them add up to twice that. */
const longestPauseMs = 1_280;

/** A session whose commands run in channels of their own, with an exit status and without a terminal. */
export function openExecSession(transport: Transport, endpoint: Endpoint, options: OpenOptions): LiveSession {
  const { clock } = options;
  const { platform, account } = endpoint;
  const redactor = createRedactor(platform.secrets, [account.password, account.enableSecret, account.passphrase]);
  let guard = options.beforeWrite;
  let transcript: Transcript | undefined = options.transcript;
  let reused = false;
  let busy = false;
  let doubtful = false;
  let hasRun = false;
  let closing: Promise<void> | undefined;
  transcript?.begin(platform.name, redactor);

  const close = (): Promise<void> => (closing ??= transport.close());

  /**
   * A server with room for one channel may still be putting the last one away when the next is wanted; nothing is sent
   * before a channel is open.
   */
  const openChannel = async (command: string): Promise<Channel> => {
    for (let pauseMs = 10; ; pauseMs *= 2) {
      try {
        return await transport.exec(command);
      } catch (error) {
        const mayPass = error instanceof DeviceError && error.reason === "SESSION_LIMIT" && hasRun;
        if (!mayPass || pauseMs > longestPauseMs) throw error;
        await clock.sleep(pauseMs);
        if (closing) throw error;
        callOrClose(() => guard?.(), close);
      }
    }
  };

  /** Where no channel comes nobody knows whether the command began: the connection is given up, and all that was begun with it. */
  const channelFor = async (request: CommandRequest): Promise<Channel> => {
    const { command, signal, idleTimeoutMs, totalTimeoutMs } = request;
    const [ms, reason] =
      totalTimeoutMs < idleTimeoutMs
        ? ([totalTimeoutMs, "EXECUTION_TIMEOUT"] as const)
        : ([idleTimeoutMs, "OUTPUT_TIMEOUT"] as const);
    const late = (): DeviceError =>
      new DeviceError(reason, `the device opened no channel in ${ms} ms`, { mode: execMode, expected: "a channel" });
    try {
      return await channelInTime(openChannel(command), { clock, ms, signal, late });
    } catch (error) {
      if (error instanceof DeviceError && [reason, "CANCELLED"].includes(error.reason)) void close();
      throw error;
    }
  };

  const run = async (request: CommandRequest): Promise<CommandOutcome> => {
    checkCommand(request);
    if (busy) throw new Error("this session is already at work");
    if (request.signal?.aborted) throw new DeviceError("CANCELLED", "cancelled before anything was sent");
    const started = clock.monotonic();
    transcript?.note({ d: "exec", command: request.command });
    busy = true;
    try {
      const beforeWrite = (): void => {
        guard?.();
        request.beforeWrite?.();
      };
      callOrClose(beforeWrite, close);
      const channel = await channelFor(request);
      const outcome = await runInChannel({ channel, request, clock, transcript, redactor, beforeWrite });
      return { ...outcome, durationMs: clock.monotonic() - started };
    } catch (error) {
      if (!(error instanceof DeviceError) || error.reason === "DISCONNECTED" || error.reason === "OUTPUT_TIMEOUT")
        doubtful = true;
      throw error;
    } finally {
      hasRun = true;
      busy = false;
    }
  };

  return {
    get reused() {
      return reused;
    },
    get certain() {
      return !busy && !doubtful && !transport.closed && closing === undefined;
    },
    mode: execMode,
    loginMode: execMode,
    prompt: "",
    heardUnasked: false,
    hostKey: transport.hostKey,
    newBastionKeys: transport.newBastionKeys ?? [],
    remoteVersion: transport.remoteVersion,
    ...(transport.cryptoProfile === undefined ? {} : { cryptoProfile: transport.cryptoProfile }),
    timings: { connectMs: transport.connectMs, authMs: transport.authMs, loginMs: 0 },
    run,
    enterMode(mode) {
      if (mode === execMode) return Promise.resolve();
      return Promise.reject(
        new DeviceError("UNSUPPORTED_BY_PLATFORM", `${platform.name} has no mode ${mode}`, { mode: execMode }),
      );
    },
    begin(owner) {
      reused = owner.reused;
      guard = owner.beforeWrite;
      transcript = owner.transcript;
      if (reused) transcript?.begin(platform.name, redactor);
    },
    end(next) {
      guard = next;
      transcript = undefined;
    },
    refresh: () =>
      transport.closed ? Promise.reject(new DeviceError("DISCONNECTED", "the connection is gone")) : Promise.resolve(),
    close,
    onClose: (listener) => transport.onClose(() => listener()),
  };
}

function callOrClose(guard: () => void, close: () => Promise<void>): void {
  try {
    guard();
  } catch (error) {
    void close();
    throw error;
  }
}

interface ExecContext {
  readonly channel: Channel;
  readonly request: CommandRequest;
  readonly clock: Clock;
  readonly transcript: Transcript | undefined;
  readonly redactor: Redactor;
  readonly beforeWrite: () => void;
}

/** Reads a channel to its end. Output is exact: nothing is rendered, both streams are delivered as they come. */
function runInChannel(context: ExecContext): Promise<Omit<CommandOutcome, "durationMs">> {
  const { channel, request, clock, transcript, redactor } = context;
  return new Promise((resolve, reject) => {
    const decoders = { out: createDecoder(), err: createDecoder() };
    const gauge = createOutputGauge(request);
    const answers = [...(request.answers ?? [])];
    let heard = clock.monotonic();
    const recent = createRecentText();
    const recentErrors = createRecentText();
    let failure: Error | undefined;
    let done = false;
    let cancelIdle: () => void = () => undefined;

    const outlet = createOutlet(
      (text) => gauge.take(text),
      channel,
      (error) => interrupt(error as Error),
    );
    const problem = (
      reason: "OUTPUT_TIMEOUT" | "EXECUTION_TIMEOUT" | "CANCELLED" | "DISCONNECTED",
      message: string,
    ): DeviceError =>
      new DeviceError(reason, message, {
        tail: redactor.redact(recent.read()),
        mode: execMode,
        expected: "the exit status",
      });

    const settle = (error: Error | undefined, end: ChannelEnd): void => {
      if (done) return;
      done = true;
      cancelIdle();
      cancelTotal();
      request.signal?.removeEventListener("abort", onAbort);
      void outlet.drained().then(() => {
        const cause = error ?? failure;
        if (cause !== undefined) return reject(cause);
        if (end.exitStatus === undefined && end.signal === undefined) {
          return reject(end.error ?? problem("DISCONNECTED", "the command ended without an exit status"));
        }
        const ok = end.exitStatus === 0;
        const lines = ok
          ? []
          : recentErrors
              .read()
              .split("\n")
              .map((line) => line.trimEnd())
              .filter((line) => line !== "");
        if (end.signal !== undefined) lines.push(`killed by ${end.signal}`);
        resolve({
          status: ok ? "ok" : "rejected",
          errorLines: lines.slice(-mostErrorLines).map((line) => redactor.redact(line)),
          truncated: gauge.isTruncated(),
          ...(end.exitStatus === undefined ? {} : { exitStatus: end.exitStatus }),
          ...(end.signal === undefined ? {} : { signal: end.signal }),
        });
      });
    };
    /** Nothing may be sent any more when this is false: then the channel is closed, and this is over. */
    const mayWrite = (): boolean => {
      try {
        context.beforeWrite();
        return true;
      } catch (error) {
        failure = error as Error;
        channel.close();
        settle(failure, {});
        return false;
      }
    };
    const interrupt = (error: Error): void => {
      if (failure !== undefined) return;
      failure = error;
      cancelIdle();
      if (!mayWrite()) return;
      channel.signal("INT");
      cancelIdle = clock.timer(interruptMs, () => {
        if (!mayWrite()) return;
        // Shells have what they start in the background ignore the first. What catches this one too is left to its end.
        channel.signal("TERM");
        channel.close();
        settle(error, {});
      });
    };
    const onAbort = (): void => interrupt(problem("CANCELLED", "cancelled"));
    const watchIdle = (ms: number): void => {
      cancelIdle = clock.timer(ms, () => {
        // After a stall of our own event loop the bytes may be here already, unread: let them be read first.
        const check = setImmediate(() => {
          if (outlet.isBusy()) heard = clock.monotonic();
          const left = request.idleTimeoutMs - (clock.monotonic() - heard);
          if (left > 0.5) watchIdle(left);
          else interrupt(problem("OUTPUT_TIMEOUT", `nothing came for ${request.idleTimeoutMs} ms`));
        });
        cancelIdle = () => clearImmediate(check);
      });
    };
    const cancelTotal = clock.timer(request.totalTimeoutMs, () =>
      interrupt(problem("EXECUTION_TIMEOUT", `not finished after ${request.totalTimeoutMs} ms`)),
    );

    const take = (text: string, stream: "out" | "err"): void => {
      if (text === "" || failure !== undefined) return;
      recent.push(text);
      if (stream === "err") recentErrors.push(text);
      outlet.push(text);
    };
    const answerQuestion = (): void => {
      const line = recent.lastLine().trimEnd();
      const index = answers.findIndex(({ question }) => question.trim() !== "" && line.endsWith(question.trimEnd()));
      const [answer] = index < 0 ? [] : answers.splice(index, 1);
      if (!answer || failure !== undefined) return;
      if (!mayWrite()) return;
      transcript?.sent(`${answer.answer}\n`, answer.hidden ?? false);
      channel.write(`${answer.answer}\n`);
      if (answers.length === 0) channel.sendEof();
    };

    request.signal?.addEventListener("abort", onAbort, { once: true });
    watchIdle(request.idleTimeoutMs);
    channel.listen({
      data(bytes, stream) {
        if (done) return;
        heard = clock.monotonic();
        transcript?.received(bytes, stream);
        take(decoders[stream].push(bytes), stream);
        if (answers.length > 0) answerQuestion();
      },
      end(end) {
        take(decoders.out.flush(), "out");
        take(decoders.err.flush(), "err");
        transcript?.note({ d: "exit", ...(end.exitStatus === undefined ? {} : { status: end.exitStatus }) });
        settle(undefined, end);
      },
    });
    // Without answers nobody will ever type: a command that reads its input must see its end, not wait for it.
    if (answers.length === 0 && mayWrite()) channel.sendEof();
    if (request.signal?.aborted) onAbort();
  });
}
