import { Effect, JobState } from "@pointsman/sdk/v1";
import { type Entry, nameOf, type Received, type ReceivedLine } from "./ledger.js";

/** Kinds of broken promises, as they are counted. */
export type Broken = "TWICE" | "FALSE_SUCCESS" | "FALSE_END" | "INTERLEAVED" | "LOST" | "AFTER_RESOLUTION" | "OTHER";

/** A promise that was broken. */
export interface Violation {
  readonly broken: Broken;
  readonly what: string;
}

const steps = 3;
const nothingSent: ReadonlySet<JobState> = new Set([JobState.CANCELLED, JobState.EXPIRED]);

/**
 * Holds what the client was told against what the devices received. `journalsMissing`: Redis came back and a worker's
 * journal was waited for in vain; what that worker ran is in doubt then, whether or not it had an intent.
 */
export function judge(entries: readonly Entry[], received: Received, journalsMissing = false): Violation[] {
  const byKey = new Map<string, ReceivedLine[]>();
  for (const line of received.effective) {
    const known = byKey.get(line.key);
    if (known) known.push(line);
    else byKey.set(line.key, [line]);
  }
  return [
    ...entries.flatMap((entry) => {
      const known = { lines: byKey.get(entry.key) ?? [], reads: received.reads.get(entry.key) ?? 0 };
      return judgeOne(entry, known, journalsMissing);
    }),
    ...interleaved(received.effective),
  ];
}

function judgeOne(
  entry: Entry,
  { lines, reads }: { readonly lines: readonly ReceivedLine[]; readonly reads: number },
  journalsMissing: boolean,
): Violation[] {
  const { key, kind, state, effect, succeeded } = entry;
  const found: Violation[] = [];
  const say = (broken: Broken, what: string): void => {
    const ids = entry.ids.length === 0 ? "never accepted" : entry.ids.join(", ");
    const got = lines.map(({ step, session }) => `${step} in ${session}`).join(", ");
    found.push({
      broken,
      what: `${key} (${kind}, ${ids}) on ${entry.device}: ${what}; lines received: ${got || "none"}`,
    });
  };
  for (const problem of entry.problems) say("OTHER", problem);

  const once = new Set(lines.map(({ step }) => step));
  if (lines.length > once.size) say("TWICE", "a line was sent twice");
  const ended = state !== undefined && state >= JobState.SUCCEEDED;
  if (!ended) {
    say("LOST", state === undefined ? "accepted, and nobody knows it" : `has not ended, is ${nameOf(state)}`);
    return found;
  }
  if (kind === "read") {
    if ((succeeded || state === JobState.SUCCEEDED) && reads === 0) say("FALSE_SUCCESS", "succeeded unread");
    return found;
  }
  const inOrder = lines.length === steps && lines.every(({ step }, n) => step === n + 1);
  if ((succeeded || state === JobState.SUCCEEDED) && !inOrder) {
    say("FALSE_SUCCESS", "succeeded, and the device has not seen each line once and in order");
  }
  if (nothingSent.has(state) && lines.length > 0) say("FALSE_END", `ended ${nameOf(state)}, and lines were sent`);
  if (state === JobState.FAILED && effect === Effect.NONE && lines.length > 0) {
    say("FALSE_END", "failed with effect NONE, and lines were sent");
  }
  if (state === JobState.FAILED && effect === Effect.PARTIAL && lines.length < entry.confirmedStep) {
    say("FALSE_END", `failed after ${entry.confirmedStep} confirmed lines`);
  }
  if (state === JobState.INDETERMINATE && entry.intendedStep < 1 && !journalsMissing)
    say("FALSE_END", "in doubt without an intent");
  if (entry.linesAtResolution !== undefined && lines.length > entry.linesAtResolution) {
    say("AFTER_RESOLUTION", `was sent on after its doubt was resolved at ${entry.linesAtResolution} lines`);
  }
  return found;
}

/** On a device, what one session sends of one job has nothing of another between its lines. */
function interleaved(lines: readonly ReceivedLine[]): Violation[] {
  const found: Violation[] = [];
  const last = new Map<string, string>();
  const over = new Set<string>();
  for (const { device, session, key, step } of lines) {
    const block = `${key} in ${session}`;
    const before = last.get(device);
    if (before === block) continue;
    if (before !== undefined) over.add(before);
    if (over.has(block))
      found.push({ broken: "INTERLEAVED", what: `${block}: line ${step} on ${device} came after ${before ?? ""}` });
    last.set(device, block);
  }
  return found;
}
