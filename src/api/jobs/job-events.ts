import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type JobEvent, JobEventKind, JobEventSchema } from "@pointsman/sdk/v1";
import type { EventRecord } from "../../domain/job-event.js";
import type { JobStore } from "../../store/store.js";
import { deviceText } from "./device-text.js";
import { commandStatusNumbers, stateNumbers } from "./job-enums.js";
import { errorMessage, resolutionMessage } from "./job-view.js";

/** A piece of a job's history. */
export interface EventPiece {
  readonly events: readonly JobEvent[];
  /** Numbers of the first and the last event kept. */
  readonly first: number;
  readonly last: number;
  /** Number up to which was looked; behind it the next piece begins. */
  readonly looked: number;
}

/** Kinds of events, as histories are filtered by them. */
export type EventKinds = ReadonlySet<EventRecord["fact"]["kind"]>;

const kindsOf: Readonly<Record<JobEventKind, readonly EventRecord["fact"]["kind"][]>> = {
  [JobEventKind.UNSPECIFIED]: [],
  [JobEventKind.STATE]: ["state"],
  [JobEventKind.OUTPUT]: ["output"],
  [JobEventKind.COMMAND]: ["started", "ended"],
  [JobEventKind.LOG]: ["log"],
  [JobEventKind.PROGRESS]: ["progress"],
  [JobEventKind.CANCEL]: ["cancel"],
  [JobEventKind.RESOLVED]: ["resolved"],
};

/** The kinds that a request names; undefined for all. */
export function eventKinds(kinds: readonly JobEventKind[]): EventKinds | undefined {
  return kinds.length === 0 ? undefined : new Set(kinds.flatMap((kind) => kindsOf[kind] ?? []));
}

/** Whether a state or a resolution is of the kinds; events of other kinds were chosen by them. */
export function isOfKind(kinds: EventKinds, { event }: JobEvent): boolean {
  if (event.case === "stateChanged") return kinds.has("state");
  return event.case !== "resolved" || kinds.has("resolved");
}

/** Events looked at for a piece of some kinds. */
const lookAt = 1_000;

/** How much of a history is read at a time. */
export interface PieceBounds {
  readonly limit: number;
  /** Bytes of output, after the first event. */
  readonly maxBytes: number;
  readonly kinds?: EventKinds | undefined;
}

/** Pieces that were asked for in this turn of the event loop, by what was asked. */
const asked = new WeakMap<JobStore, Map<string, Promise<EventPiece>>>();

/**
 * Events from a number on, with their text: at most `limit` of them and, after the first, `maxBytes` of output. Of some
 * `kinds` alone there may be fewer, although more follow. Those who ask for the same in one turn of the event loop, as
 * the watchers of a job do when it has news, share one piece: it is read after all of them had the news. So nobody may
 * change an event.
 */
export function readEvents(store: JobStore, id: string, from: number, bounds: PieceBounds): Promise<EventPiece> {
  let pieces = asked.get(store);
  if (!pieces) {
    pieces = new Map<string, Promise<EventPiece>>();
    asked.set(store, pieces);
    process.nextTick(() => asked.delete(store));
  }
  const key = [id, from, bounds.limit, bounds.maxBytes, ...(bounds.kinds ?? ["all"])].join(" ");
  let piece = pieces.get(key);
  if (!piece) pieces.set(key, (piece = readPiece(store, id, from, bounds)));
  return piece;
}

async function readPiece(store: JobStore, id: string, from: number, bounds: PieceBounds): Promise<EventPiece> {
  const { limit, kinds } = bounds;
  const { events, first, last } = await store.events(id, from, kinds ? lookAt : limit);
  const wanted = kinds ? events.filter(({ fact }) => kinds.has(fact.kind)) : events;
  let bytes = 0;
  const taken = wanted.slice(0, limit).filter((event, index) => {
    bytes += event.fact.kind === "output" ? event.fact.length : 0;
    return index === 0 || bytes <= bounds.maxBytes;
  });
  const texts = await readTexts(store, id, taken);
  const looked = (taken.length < wanted.length ? taken : events).at(-1)?.number ?? last;
  return { events: taken.map((event) => eventMessage(event, texts.get(event.number))), first, last, looked };
}

/** The texts of output events by event number: neighbours are read in one go. */
async function readTexts(
  store: JobStore,
  id: string,
  events: readonly EventRecord[],
): Promise<ReadonlyMap<number, string>> {
  const runs: { readonly offset: number; length: number; readonly parts: { number: number; length: number }[] }[] = [];
  for (const { number, fact } of events) {
    if (fact.kind !== "output") continue;
    const run = runs.at(-1);
    if (run && run.offset + run.length === fact.offset) {
      run.length += fact.length;
      run.parts.push({ number, length: fact.length });
    } else {
      runs.push({ offset: fact.offset, length: fact.length, parts: [{ number, length: fact.length }] });
    }
  }
  const texts = new Map<number, string>();
  for (const run of runs) {
    const whole = await store.output(id, run.offset, run.length);
    let at = 0;
    for (const part of run.parts) {
      // The oldest output goes first when room is made: the rest of a run may still be there.
      const bytes = whole?.subarray(at, at + part.length) ?? (await store.output(id, run.offset + at, part.length));
      if (bytes) texts.set(part.number, deviceText(bytes));
      at += part.length;
    }
  }
  return texts;
}

function eventMessage(record: EventRecord, text: string | undefined): JobEvent {
  return create(JobEventSchema, {
    number: record.number,
    time: timestampFromMs(record.timeMs),
    attempt: record.attempt,
    event: factMessage(record, text),
  });
}

type FactMessage = NonNullable<Parameters<typeof create<typeof JobEventSchema>>[1]>["event"];

function factMessage({ fact }: EventRecord, text: string | undefined): NonNullable<FactMessage> {
  switch (fact.kind) {
    case "state":
      return {
        case: "stateChanged",
        value: {
          state: stateNumbers[fact.state],
          worker: fact.worker ?? "",
          ...(fact.error && { error: errorMessage(fact.error) }),
          ...(fact.retryMs !== undefined && { retryTime: timestampFromMs(fact.retryMs) }),
        },
      };
    case "output": {
      const { command, offset, length } = fact;
      return {
        case: "output",
        value: { command, offset, length, text: text ?? "", outputExpired: text === undefined && length > 0 },
      };
    }
    case "started":
      return { case: "commandStarted", value: { command: fact.command, line: fact.line } };
    case "ended":
      return {
        case: "commandEnded",
        value: {
          command: fact.command,
          status: commandStatusNumbers[fact.status],
          errorLines: [...fact.errorLines],
          duration: durationFromMs(fact.durationMs),
          ...(fact.exitStatus !== undefined && { exitStatus: fact.exitStatus }),
        },
      };
    case "log":
      return { case: "log", value: { level: fact.level, message: fact.message } };
    case "progress":
      return {
        case: "progress",
        value: { message: fact.message, ...(fact.percent !== undefined && { percent: fact.percent }) },
      };
    case "cancel":
      return { case: "cancelRequested", value: { caller: fact.caller, reason: fact.reason } };
    case "resolved":
      return { case: "resolved", value: resolutionMessage(fact.resolution) };
  }
}
