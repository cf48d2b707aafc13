import { createHash } from "node:crypto";
import { type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { problem } from "../errors.js";
import { canonicalBytes } from "./calls/canonical-bytes.js";

/** Default and largest number of rows on a page. */
export const defaultPageSize = 50;
export const maxPageSize = 1_000;

/** Rows asked for: 0 means the default. */
export function pageSize(asked: number): number {
  return asked === 0 ? defaultPageSize : Math.min(asked, maxPageSize);
}

/** What a list is about, as a short hash: a token of another list is refused by it. */
export function listKey<Desc extends DescMessage>(
  method: string,
  desc: Desc,
  filter: MessageShape<Desc> | undefined,
): string {
  const hash = createHash("sha256").update(method);
  if (filter) hash.update(canonicalBytes(desc, filter));
  return hash.digest("base64url").slice(0, 12);
}

/** A token for what comes behind `place`. It gives no right to anything, so it is not signed. */
export function writePageToken(key: string, place: readonly string[]): string {
  return Buffer.from(JSON.stringify([1, key, ...place])).toString("base64url");
}

/** The place in a token made by {@link writePageToken} with the same key; undefined for the empty token. INVALID_PAGE_TOKEN. */
export function readPageToken(key: string, parts: number, token: string): readonly string[] | undefined {
  if (token === "") return undefined;
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    read = undefined;
  }
  if (!Array.isArray(read) || read.length !== parts + 2 || read[0] !== 1) throw invalidToken("is damaged");
  const [, owner, ...place] = read as [number, ...unknown[]];
  if (owner !== key) throw invalidToken("belongs to another list");
  if (!place.every((part) => typeof part === "string")) throw invalidToken("is damaged");
  return place;
}

/** A place that is a number, as it stands in a token. INVALID_PAGE_TOKEN. */
export function placeNumber(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw invalidToken("is damaged");
  return Number(text);
}

function invalidToken(what: string): Error {
  return problem("INVALID_PAGE_TOKEN", `page_token: ${what}`, { fields: [{ field: "page_token", description: what }] });
}
