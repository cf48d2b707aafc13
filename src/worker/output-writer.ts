import type { Clock } from "../domain/clock.js";
import type { EventFact } from "../domain/job-event.js";
import type { Fenced, Holder, LeaseStore, Output, OutputPart } from "../store/store.js";
import { StoreError } from "../store/store.js";

/** Facts that go out in one part: a script takes no unbounded list. */
const factsAPart = 1_000;
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
  /** The step about to be sent, and the one whose answer was seen; told as soon as output is, also when none comes. */
  intended(step: number): void;
  confirmed(step: number): void;
  /**
   * Ends writing; gives what is left, to go with the end of the attempt, and how many parts went before. Rejects with
   * FencedError when another holds the device now, and with OutputLostError when the store refused a part.
   */
  end(): Promise<Output & { readonly parts: number }>;
}

/** What writing ends with when another holds the device now. */
export class FencedError extends Error {
  override readonly name = "FencedError";
}

/** What writing ends with when the store does not take the output: from there on it is let go of, and counted. */
export class OutputLostError extends Error {
  override readonly name = "OutputLostError";
  /** Bytes of output that are in no part the store has taken. */
  readonly bytes: number;
  constructor(bytes: number, cause: unknown) {
    super(`the store does not take the output; ${bytes} bytes of it are lost`, { cause });
    this.bytes = bytes;
  }
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
  const facts: EventFact[] = [];
  let chunks: Buffer[] = [];
  let pendingBytes = 0;
  let position = offset;
  let steps: { intendedStep?: number; confirmedStep?: number } = {};
  let number = 0;
  let cancelTimer: (() => void) | undefined;
  let writing: Promise<void> | undefined;
  let lost: { readonly cause: unknown } | undefined;
  let lostBytes = 0;
  /** The store keeps no more output of this attempt, and takes its facts. */
  let cut = false;
  let waiters: (() => void)[] = [];

  function take(): OutputPart {
    const { intendedStep, confirmedStep } = steps;
    const taken = facts.splice(0, factsAPart);
    const isLast = facts.length === 0;
    const whole = Buffer.concat(chunks);
    const bytes = isLast ? whole.length : taken.reduce((sum, one) => sum + (one.kind === "output" ? one.length : 0), 0);
    chunks = isLast ? [] : [whole.subarray(bytes)];
    // What may have been sent is known early, what was answered only together with all that it printed.
    const confirms = isLast && confirmedStep !== undefined;
    steps = confirms || confirmedStep === undefined ? {} : { confirmedStep };
    return {
      number: ++number,
      facts: taken,
      output: whole.subarray(0, bytes),
      ...(intendedStep === undefined ? {} : { intendedStep }),
      ...(confirms ? { confirmedStep } : {}),
    };
  }

  /** Room in the last fact, where this output goes on from it. */
  function lengthen(command: number, bytes: Buffer): number {
    const last = facts.at(-1);
    if (last?.kind !== "output" || last.command !== command || last.offset + last.length !== position) return 0;
    const added = characterEnd(bytes, Math.min(bytes.length, chunkBytes - last.length));
    if (added > 0) facts[facts.length - 1] = { ...last, length: last.length + added };
    return added;
  }

  async function append(part: OutputPart): Promise<Fenced | "CUT"> {
    for (;;) {
      try {
        return await leases.append(holder, part);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        await clock.sleep(retryMs, giveUp);
      }
    }
  }

  /** From here on nothing is kept: what nobody takes must not fill the memory. */
  function lose(cause: unknown): void {
    lost = { cause };
    lostBytes = pendingBytes;
    pendingBytes = 0;
    facts.length = 0;
    chunks = [];
  }

  function keepFactsAlone(): void {
    cut = true;
    pendingBytes = 0;
    chunks = [];
    facts.splice(0, facts.length, ...facts.filter(({ kind }) => kind !== "output"));
  }

  async function write(): Promise<void> {
    while (lost === undefined && (facts.length > 0 || chunks.length > 0 || Object.keys(steps).length > 0)) {
      const part = take();
      try {
        const answer = await append(part);
        if (answer === "FENCED") {
          lose(new FencedError("another worker holds the device now"));
          fenced();
        } else if (answer === "CUT") {
          keepFactsAlone();
        } else {
          pendingBytes -= part.output.length;
        }
      } catch (error) {
        lose(error);
      }
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
      if (lost) return;
      facts.push(fact);
      soon();
    },
    output(command, text) {
      if (lost) {
        lostBytes += Buffer.byteLength(text);
        return undefined;
      }
      if (cut) return undefined;
      const bytes = Buffer.from(text, "utf8");
      const added = lengthen(command, bytes);
      position += added;
      for (let start = added; start < bytes.length;) {
        const end = characterEnd(bytes, Math.min(bytes.length, start + chunkBytes));
        facts.push({ kind: "output", command, offset: position, length: end - start });
        position += end - start;
        start = end;
      }
      chunks.push(bytes);
      pendingBytes += bytes.length;
      soon();
      if (pendingBytes < holdBackBytes) return undefined;
      return new Promise((go) => waiters.push(go));
    },
    intended(step) {
      if (lost) return;
      steps.intendedStep = step;
      soon();
    },
    confirmed(step) {
      if (lost) return;
      steps.confirmedStep = step;
      soon();
    },
    async end() {
      cancelTimer?.();
      if (facts.length > factsAPart) flush();
      await writing;
      if (lost) throw lost.cause instanceof FencedError ? lost.cause : new OutputLostError(lostBytes, lost.cause);
      const parts = number;
      const { facts: restFacts, output } = take();
      return { facts: restFacts, output, parts };
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
