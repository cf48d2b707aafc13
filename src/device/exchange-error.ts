import { DeviceError, type DeviceErrorReason } from "./device-error.js";
import type { ExchangeContext, ExchangeRequest } from "./exchange-request.js";

/** An error with the end of what the device printed. Secrets are taken out of that, and of `deviceMessage`. */
export function exchangeError(
  { redact, shell }: ExchangeContext,
  reason: DeviceErrorReason,
  message: string,
  { expected, deviceMessage }: { readonly expected?: string; readonly deviceMessage?: string } = {},
): DeviceError {
  return new DeviceError(reason, message, {
    tail: redact(shell.recent),
    expected,
    deviceMessage: deviceMessage === undefined ? undefined : redact(deviceMessage),
  });
}

/** The whole time is over. */
export function overtimeError(context: ExchangeContext, request: ExchangeRequest, awaitsEcho: boolean): DeviceError {
  const reason = request.command === undefined ? request.timeoutReason : "EXECUTION_TIMEOUT";
  const message = `not finished after ${request.totalTimeoutMs} ms`;
  return exchangeError(context, reason, message, { expected: expectation(context, awaitsEcho) });
}

/** Nothing came for too long. */
export function silenceError(context: ExchangeContext, request: ExchangeRequest, awaitsEcho: boolean): DeviceError {
  const line = context.shell.line.trim();
  if (!awaitsEcho && /[?:]$/.test(line)) {
    return exchangeError(context, "UNEXPECTED_QUESTION", "the device asks something", { deviceMessage: line });
  }
  const message = `nothing came for ${request.idleTimeoutMs} ms`;
  return exchangeError(context, request.timeoutReason, message, { expected: expectation(context, awaitsEcho) });
}

/** The device waits for an answer that nobody gave. */
export function questionError(context: ExchangeContext, line: string): DeviceError {
  const message = "the device asks something that has no answer";
  return exchangeError(context, "UNEXPECTED_QUESTION", message, { deviceMessage: line.trim() });
}

/** What was taken for the end of the command before was none. */
export function leftoverError(context: ExchangeContext): DeviceError {
  const message = "the device printed on behind what looked like its prompt: the output before this command is cut";
  return exchangeError(context, "PROMPT_NOT_FOUND", message, { expected: expectation(context, true) });
}

function expectation({ platform }: ExchangeContext, awaitsEcho: boolean): string {
  return awaitsEcho ? "the echo of the command" : `a prompt of ${platform.name}`;
}
