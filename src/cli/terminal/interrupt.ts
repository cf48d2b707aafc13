import { PointsmanError } from "@pointsman/sdk";
import { status } from "./command.js";
import type { CliIo } from "./io.js";
import type { Output } from "./output.js";

/** What Ctrl-C means to work that can be cancelled. */
export interface Interrupt {
  /** Aborts at the second Ctrl-C. */
  readonly signal: AbortSignal;
  /** Says how the work is cancelled, at the first Ctrl-C or, when that came before, now. */
  cancels(cancel: () => Promise<void>): void;
}

/**
 * Runs work with two steps of Ctrl-C: the first asks to cancel and goes on following, the second leaves. After either
 * the status is 130.
 */
export async function interruptible(
  io: CliIo,
  out: Output,
  work: (interrupt: Interrupt) => Promise<number>,
): Promise<number> {
  const leave = new AbortController();
  let pressed = 0;
  let cancel: (() => Promise<void>) | undefined;
  let cancelling: Promise<void> | undefined;
  const start = (): void => {
    if (pressed === 0 || cancel === undefined || cancelling) return;
    cancelling = cancel().catch((error: unknown) =>
      out.note(`error: cannot cancel: ${error instanceof PointsmanError ? error.message : String(error)}`),
    );
  };
  const off = io.onInterrupt(() => {
    pressed++;
    if (pressed === 1) {
      void out.note("cancelling; Ctrl-C again to leave without waiting for the end");
      start();
    } else leave.abort();
  });
  try {
    const result = await work({
      signal: leave.signal,
      cancels(how) {
        cancel = how;
        start();
      },
    });
    await cancelling;
    return pressed > 0 ? status.interrupted : result;
  } catch (error) {
    if (leave.signal.aborted) return status.interrupted;
    throw error;
  } finally {
    off();
  }
}
