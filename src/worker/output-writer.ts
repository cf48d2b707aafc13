import type { Clock } from "../domain/clock.js";
import type { EventFact } from "../domain/job-event.js";
import type { Fenced, Holder, LeaseStore, Output, OutputPart } from "../store/store.js";
import { StoreError } from "../store/store.js";

/** Output is handed on when this much has come, … */
const chunkBytes = 32 * 1024;
/** … or when this much time has passed, whichever is first. */
const flushMs = 50;
/** Beyond this much output that Redis has not taken yet, reading from the device pauses. */
const holdBackBytes = 1024 * 1024;
const retryMs = 200;

/** Writes an attempt's facts and output to the store, in order, in few calls. */
export interface OutputWriter {
  fact(fact: EventFact): void;
  /** Output of a command. The promise, when there is one, is for the device to wait. */
  output(command: number, text: string): Promise<void> | undefined;
  /** The step about to be sent, and the one whose answer was seen, ride along. */
  intended(step: number): void;
  confirmed(step: number): void;
  /** Ends writing; gives what is left, to go with the end of the attempt. Rejects when another holds the device now. */
  end(): Promise<Output>;
}

/** What writing ends with when another holds the device now. */
export class FencedError extends Error {
  override readonly name = "FencedError";
}

interface Parts {
  readonly clock: Clock;
  readonly leases: Pick<LeaseStore, "append">;
  readonly holder: Holder;
  /** Length of the job's output before this attempt. */
  readonly offset: number;
  /** Called once when a write was FENCED: the attempt is over. */
  readonly fenced: () => void;
  /** Aborts when the worker ends for good: then a store that is away is not waited for any more. */
  readonly giveUp: AbortSignal;
}

export function createOutputWriter({ clock, leases, holder, offset, fenced, giveUp }: Parts): OutputWriter {
  let facts: EventFact[] = [];
  let chunks: Buffer[] = [];
  let pendingBytes = 0;
  let position = offset;
  let steps: { intendedStep?: number; confirmedStep?: number } = {};
  let number = 0;
  let cancelTimer: (() => void) | undefined;
  let writing: Promise<void> | undefined;
  let lost: Error | undefined;
  let waiters: (() => void)[] = [];

  function take(): OutputPart {
    const part: OutputPart = { number: ++number, facts, output: Buffer.concat(chunks), ...steps };
    facts = [];
    chunks = [];
    steps = {};
    return part;
  }

  async function append(part: OutputPart): Promise<Fenced> {
    for (;;) {
      try {
        return await leases.append(holder, part);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        await clock.sleep(retryMs, giveUp);
      }
    }
  }

  async function write(): Promise<void> {
    while (lost === undefined && (facts.length > 0 || chunks.length > 0)) {
      const part = take();
      try {
        if ((await append(part)) === "FENCED") {
          lost = new FencedError("another worker holds the device now");
          fenced();
        }
      } catch (error) {
        lost = error instanceof Error ? error : new Error(String(error));
      }
      pendingBytes -= part.output.length;
      for (const go of waiters) go();
      waiters = [];
    }
    writing = undefined;
  }

  function flush(): void {
    cancelTimer?.();
    cancelTimer = undefined;
    writing ??= write();
  }

  function soon(): void {
    if (pendingBytes >= chunkBytes) flush();
    else if (!writing) cancelTimer ??= clock.timer(flushMs, flush);
  }

  return {
    fact(fact) {
      facts.push(fact);
      soon();
    },
    output(command, text) {
      const bytes = Buffer.from(text, "utf8");
      for (let start = 0; start < bytes.length;) {
        const end = characterEnd(bytes, Math.min(bytes.length, start + chunkBytes));
        facts.push({ kind: "output", command, offset: position, length: end - start });
        position += end - start;
        start = end;
      }
      chunks.push(bytes);
      pendingBytes += bytes.length;
      soon();
      if (pendingBytes < holdBackBytes || lost !== undefined) return undefined;
      return new Promise((go) => waiters.push(go));
    },
    intended(step) {
      steps.intendedStep = step;
    },
    confirmed(step) {
      steps.confirmedStep = step;
    },
    async end() {
      cancelTimer?.();
      await writing;
      if (lost) throw lost;
      const { facts: restFacts, output } = take();
      return { facts: restFacts, output };
    },
  };
}

/** The end of a piece, moved back so that no character of UTF-8 is cut. */
function characterEnd(bytes: Uint8Array, end: number): number {
  if (end === bytes.length) return end;
  let at = end;
  while (at > 0 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at--;
  return at;
}
