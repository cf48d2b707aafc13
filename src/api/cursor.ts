import { problem } from "../errors.js";

/**
 * Where a watch stands: the history's epoch, what is watched, and the place. Opaque to callers; safe in a header, a URL
 * and the `id:` line of an event stream.
 */
export function writeCursor(epoch: string, watched: string, place: unknown): string {
  return Buffer.from(JSON.stringify([1, epoch, watched, place])).toString("base64url");
}

/**
 * The place in a cursor made for the same watch. INVALID_CURSOR when it is damaged or another's, HISTORY_GONE when the
 * store has lost or replaced its history since.
 */
export function readCursor(epoch: string, watched: string, cursor: string): unknown {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    read = undefined;
  }
  if (!Array.isArray(read) || read.length !== 4 || read[0] !== 1) throw invalidCursor("is damaged");
  const [, itsEpoch, itsWatch, place] = read as unknown[];
  if (itsWatch !== watched) throw invalidCursor("belongs to another watch");
  if (itsEpoch !== epoch) throw historyGone("the history this cursor belongs to is gone");
  return place;
}

/** INVALID_CURSOR. */
export function invalidCursor(what: string): Error {
  return problem("INVALID_CURSOR", `cursor: ${what}`, { fields: [{ field: "cursor", description: what }] });
}

/** HISTORY_GONE. */
export function historyGone(message: string): Error {
  return problem("HISTORY_GONE", `${message}; start again from a snapshot`);
}
