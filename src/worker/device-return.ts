import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ConfigCheck, WaitForReturn } from "@pointsman/sdk/v1";
import { DeviceError, type Session } from "../device/index.js";
import type { AttemptContext } from "./attempt-context.js";
import { either } from "./either.js";
import { AttemptError } from "./failure.js";

const defaultWithinMs = 600_000;
const firstPauseMs = 500;
const longestPauseMs = 15_000;
const checkBounds = { idleTimeoutMs: 30_000, totalTimeoutMs: 120_000, maxOutputBytes: 4 * 1024 * 1024 };

/** Failures that a device which is on its way back shows. */
const notYet = new Set([
  "DEVICE_UNREACHABLE",
  "CONNECTION_REFUSED",
  "CONNECT_RATE_LIMITED",
  "DISCONNECTED",
  "PROMPT_NOT_FOUND",
  "OUTPUT_TIMEOUT",
  "SESSION_LIMIT",
]);

/** Whether a line ended as one does behind which the device goes away: without a word, or with its silence. */
export function isGone(error: unknown): boolean {
  return error instanceof DeviceError && (error.reason === "DISCONNECTED" || error.reason === "OUTPUT_TIMEOUT");
}

/** How long a device may take to be back, in milliseconds. */
export function withinMs({ within }: WaitForReturn): number {
  return within ? durationMs(within) : defaultWithinMs;
}

/** Whether a device is known to be gone, is on its way, or may be gone without a word. */
export type Absence = "gone" | "going" | "unknown";

/**
 * Waits until a device is gone, where it is on its way, and back, and gives a fresh session, whose device has said who it
 * is as every session's has. Throws DEVICE_NOT_RETURNED when that takes longer than it may, and what a login throws that
 * another one would not mend.
 */
export async function waitForReturn(
  context: AttemptContext,
  session: Session,
  ms: number,
  absence: Absence,
): Promise<Session> {
  const late = new AbortController();
  context.timer(ms, () => late.abort());
  const over = (what: string, why = ""): AttemptError => {
    if (context.signal.aborted) return new AttemptError("CANCELLED", "stopped while the device was waited for");
    return new AttemptError("DEVICE_NOT_RETURNED", `the device ${what} within ${ms / 1000} s${why}`);
  };
  let isAwaited = false;
  const noteAbsence = (): void => {
    if (isAwaited) return;
    isAwaited = true;
    context.writer.fact({ kind: "log", level: "info", message: `the device is gone, and awaited for ${ms / 1000} s` });
  };
  if (absence === "going") {
    await either([late.signal, context.signal], (go) => session.onClose(go));
    if (late.signal.aborted || context.signal.aborted) throw over("did not go away");
  }
  context.discard(session);
  if (absence !== "unknown") noteAbsence();
  for (let pauseMs = firstPauseMs, why = ""; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    await either([late.signal, context.signal], (go) => context.timer(pauseMs, go));
    if (late.signal.aborted || context.signal.aborted) throw over("was not back", why);
    try {
      const fresh = await context.checkout({ fresh: true });
      if (isAwaited) context.writer.fact({ kind: "log", level: "info", message: "the device is back" });
      return fresh;
    } catch (error) {
      if (!(error instanceof DeviceError) || !notYet.has(error.reason)) throw error;
      noteAbsence();
      why = ` (${error.message})`;
    }
  }
}

/** Makes checks of a device that is back. Throws CHECK_FAILED with all that do not hold. */
export async function checkReturned(
  { beforeWrite, signal }: AttemptContext,
  session: Session,
  checks: readonly ConfigCheck[],
): Promise<void> {
  const broken: string[] = [];
  for (const { command, include, exclude } of checks) {
    let output = "";
    const onOutput = (text: string): void => void (output += text);
    const outcome = await session.run({ command, ...checkBounds, beforeWrite, signal, onOutput });
    const missing = include.filter((text) => !output.includes(text)).map((text) => `"${text}" is missing`);
    const found = exclude.filter((text) => output.includes(text)).map((text) => `"${text}" is there`);
    const rejected = outcome.status === "ok" ? [] : ["the device rejects it"];
    const wrong = [...rejected, ...missing, ...found];
    if (wrong.length > 0) broken.push(`${command}: ${wrong.join(", ")}`);
  }
  if (broken.length === 0) return;
  throw new AttemptError("CHECK_FAILED", `what was to hold when the device is back does not: ${broken.join("; ")}`);
}
