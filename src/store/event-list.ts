import type { Failure } from "../domain/job.js";
import type { EventRecord } from "../domain/job-event.js";
import type { JobState } from "../domain/job-state.js";
import { acceptance, endOf, eventOfJson, startOf, type ToldByJob } from "./event-json.js";

/** A part of a job's history. `first` and `last` are the numbers kept. */
export interface EventPage {
  readonly events: readonly EventRecord[];
  readonly first: number;
  readonly last: number;
}

/** How many of what `events.lua` gives are facts of the job. */
const facts = 11;

function toldByJob(parts: readonly string[]): ToldByJob {
  const [last, state, created, startAfter, start, firstStart, worker = "", firstAttempt, end, attempt, error] = parts;
  const begun = firstStart || start;
  // The latest attempt stands in the job's own fields, an earlier one beside them.
  const by = firstAttempt ? (JSON.parse(firstAttempt) as { readonly w: string }).w : worker;
  const failure = error && { error: JSON.parse(error) as Failure };
  return {
    state: state as JobState,
    last: Number(last),
    createMs: Number(created),
    later: startAfter !== "",
    ...(begun && { start: { timeMs: Number(begun), worker: by } }),
    ...(end && { end: { timeMs: Number(end), attempt: Number(attempt), ...failure } }),
  };
}

/**
 * Events from number `from` on, at most `limit`, from what `events.lua` gives: those of the job's list, and before and
 * behind them what the job itself says.
 */
export function eventPage(parts: readonly string[], from: number, limit: number): EventPage {
  const told = toldByJob(parts);
  const [oldest, count, ...stored] = parts.slice(facts);
  const begin = oldest ? Number(oldest) : undefined;
  const front = eventsBefore(told, begin);
  const end = endOf(told);
  const lastStored = begin === undefined ? front.length : begin + Number(count) - 1;
  const events = [...front.filter(({ number }) => number >= from), ...stored.map(eventOfJson)];
  const next = (events.at(-1)?.number ?? from - 1) + 1;
  if (end?.number === lastStored + 1 && next === end.number) events.push(end);
  return { events: events.slice(0, limit), first: front[0]?.number ?? begin ?? 1, last: told.last };
}

/** What the job says before the events of its list, which begins with number `begin` or has none; nothing of one that was cut. */
function eventsBefore(told: ToldByJob, begin: number | undefined): EventRecord[] {
  if (begin === 2) return [acceptance(told)];
  const start = told.later ? undefined : startOf(told);
  if (begin === undefined) return [acceptance(told), ...(start ? [start] : [])];
  return begin === 3 && start ? [acceptance(told), start] : [];
}
