import type { Clock } from "../domain/clock.js";
import type { LiveSession } from "./live-session.js";
import { openSession } from "./open-session.js";
import type { Platform } from "./platform.js";
import { createReplayTransport } from "./replay-transport.js";
import type { CommandOutcome } from "./session.js";
import type { RecordedAnswer, TranscriptEntry, TranscriptHead } from "./transcript.js";

/** What the engine made of one recorded step. */
export interface ReplayStep {
  /** `login`, `refresh`, `mode enable`, or the command line. */
  readonly step: string;
  /** Output without echo and prompt. */
  readonly output: string;
  readonly outcome?: CommandOutcome;
  /** What the engine failed with, here and then perhaps as well. */
  readonly error?: Error;
  /** Mode and prompt afterwards. */
  readonly mode?: string;
  readonly prompt?: string;
}

/** What a replay needs. */
export interface ReplayOptions {
  readonly clock: Clock;
  /** Finds the platform that the transcript names. */
  readonly platform: (name: string) => Platform | undefined;
  /** How long a recorded silence may take before it counts as one, in milliseconds. Default 1,000. */
  readonly silenceMs?: number;
}

/**
 * Runs a transcript through the same engine that recorded it, without any device: what came is fed in again, and what
 * the engine sends is compared with what it sent then. Yields one step after the other; a step in which the engine sends
 * something else ends with DISCONNECTED and says what was expected. Throws a RangeError when the text is no transcript.
 */
export async function* replayTranscript(text: string, options: ReplayOptions): AsyncGenerator<ReplayStep, void> {
  const { head, entries } = parseTranscript(text);
  const platform = options.platform(head.platform);
  if (!platform) throw new RangeError(`the transcript is of platform ${head.platform}, which is not known here`);
  const silence = options.silenceMs ?? 1_000;
  // A warm session has its prompt on the screen already.
  const screen: TranscriptEntry[] = head.start
    ? [{ t: 0, d: "in", b: Buffer.from(head.start.prompt).toString("base64") }]
    : [];
  const transport = createReplayTransport([...screen, ...entries]);
  let session: LiveSession;
  try {
    session = await openSession(
      transport,
      {
        address: "replay",
        port: 0,
        platform,
        // Secrets are not in a transcript; what stands in their place is as good an answer.
        account: { username: "replay", password: "********", enableSecret: "********" },
        accountKey: "replay",
        hostKeys: { mode: "accept-new", known: [] },
        loginTimeoutMs: Math.max(silence, 5_000),
      },
      { clock: options.clock, resume: head.start },
    );
  } catch (error) {
    yield { step: "login", output: "", error: error as Error };
    return;
  }
  await new Promise((resolve) => setImmediate(resolve));
  if (!head.start) yield { step: "login", output: "", mode: session.mode, prompt: session.prompt };
  for (const entry of entries) {
    if (entry.d !== "command" && entry.d !== "exec" && entry.d !== "mode" && entry.d !== "refresh") continue;
    yield await repeat(session, entry, silence);
  }
}

async function repeat(
  session: LiveSession,
  entry: Extract<TranscriptEntry, { d: "command" | "exec" | "mode" | "refresh" }>,
  silence: number,
): Promise<ReplayStep> {
  let output = "";
  const step = entry.d === "mode" ? `mode ${entry.mode}` : entry.d === "refresh" ? "refresh" : entry.command;
  try {
    if (entry.d === "mode") {
      await session.enterMode(entry.mode, { timeoutMs: silence });
      return { step, output, mode: session.mode, prompt: session.prompt };
    }
    if (entry.d === "refresh") {
      await session.refresh();
      return { step, output, mode: session.mode, prompt: session.prompt };
    }
    const answers: readonly RecordedAnswer[] = "answers" in entry ? (entry.answers ?? []) : [];
    const block = "block" in entry ? entry.block : undefined;
    const outcome = await session.run({
      command: entry.command,
      answers,
      ...(block ? { block: { invite: new RegExp(block.invite), lines: block.lines } } : {}),
      idleTimeoutMs: silence,
      totalTimeoutMs: 3_600_000,
      maxOutputBytes: Number.MAX_SAFE_INTEGER,
      onOutput: (text) => void (output += text),
    });
    return { step, output, outcome, mode: session.mode, prompt: session.prompt };
  } catch (error) {
    return { step, output, error: error as Error, mode: session.mode, prompt: session.prompt };
  }
}

/** Reads JSON lines. Throws a RangeError that names the line. */
export function parseTranscript(text: string): { readonly head: TranscriptHead; readonly entries: TranscriptEntry[] } {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const values = lines.map((line, index) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      throw new RangeError(`line ${index + 1} of the transcript is not JSON`);
    }
  });
  const [head, ...entries] = values as [TranscriptHead | undefined, ...TranscriptEntry[]];
  if (head?.pointsman !== "transcript") throw new RangeError("not a transcript: the first line has to say so");
  if (head.version !== 1) throw new RangeError(`transcript version ${String(head.version)} is not known here`);
  return { head, entries };
}
