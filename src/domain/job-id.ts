import type { Random } from "./clock.js";

/**
 * Job ids: 26 characters of Crockford's base 32 in lower case. 10 carry the creation time in milliseconds, so that ids
 * sort by it; 14 are random; the last 2 are the number of the job's zone, so that an id alone tells where its job is.
 */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Zones an installation can have, because two characters of the id say which. */
export const maxZones = alphabet.length ** 2;

const pattern = /^[0-9a-hjkmnp-tv-z]{26}$/;

/** Whether `text` has the form of a job id. */
export function isJobId(text: string): boolean {
  return pattern.test(text);
}

function digits(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = alphabet.charAt(rest % 32) + text;
  return text;
}

/** A new id. `zone` is the zone's number, 0 to 1023. */
export function createJobId(nowMs: number, zone: number, random: Random): string {
  let middle = "";
  for (const byte of random.bytes(14)) middle += alphabet.charAt(byte % 32);
  return digits(nowMs, 10) + middle + digits(zone, 2);
}

/** The number of the zone that a job id carries. */
export function zoneOfJobId(id: string): number {
  return alphabet.indexOf(id.charAt(24)) * 32 + alphabet.indexOf(id.charAt(25));
}

/** The smallest and the largest text that ids made at `ms` can have: bounds for listing by creation time. */
export function jobIdFloor(ms: number): string {
  return digits(Math.max(0, Math.min(ms, 2 ** 50 - 1)), 10);
}

/**
 * How far the time that an id carries may be from the time of creation: the id is made before its job is accepted, and by
 * another machine's clock.
 */
const apartMs = 60_000;

/** Bounds of the ids of what was created from `afterMs` on and before `beforeMs`; what lies between is still to be checked. */
export function jobIdRange(afterMs: number | undefined, beforeMs: number | undefined): readonly [string, string] {
  return [
    afterMs === undefined ? "0" : jobIdFloor(afterMs - apartMs),
    beforeMs === undefined ? "~" : jobIdFloor(beforeMs + apartMs),
  ];
}

/** A new run id: as long as a job's, and ordered like one, but of no zone. */
export function createRunId(nowMs: number, random: Random): string {
  let rest = "";
  for (const byte of random.bytes(16)) rest += alphabet.charAt(byte % 32);
  return digits(nowMs, 10) + rest;
}

/** Targets that a run can have, because four characters of their jobs' ids say which. */
const mostTargets = alphabet.length ** 4;

/** What a target of a run adds to the run's own id to make that of its job: when it started, and its zone's number. */
export function jobStamp(startMs: number, zone: number): string {
  return digits(startMs, 10) + digits(zone, 2);
}

/** The stamp in a job's id. */
export function stampOfJob(id: string): string {
  return id.slice(0, 10) + id.slice(24);
}

/** The id of the job of a run's target: the same whoever makes it, so that no crash can make two. */
export function jobIdInRun(run: string, index: number, stamp: string): string {
  if (index >= mostTargets) throw new RangeError("a run has no such target");
  return stamp.slice(0, 10) + run.slice(10, 20) + digits(index, 4) + stamp.slice(10);
}
