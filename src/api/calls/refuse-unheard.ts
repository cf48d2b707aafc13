import { type DescMessage, fromBinary, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { invalidRequest, problem } from "../../errors.js";
import { findBadFields } from "./bad-json.js";

/** The name that an object takes for what it descends from: an entry of a map that is called so is lost in reading. */
const lostName = "__proto__";
/** What may be lost, or may be a day that its month does not have, or an escape of a character that either has. */
const suspicious = /__proto__|\\u00(?:2[dD]|3\d|[56][fF]|54|7[024])|-(?:02-(?:29|30|31)|(?:04|06|09|11)-31)T/;

/** Refuses JSON of which the framework would read something else, or nothing, without a word. */
export function refuseUnheardJson(input: DescMessage, json: string): void {
  if (!suspicious.test(json)) return;
  let value: JsonValue;
  try {
    value = JSON.parse(json) as JsonValue;
  } catch {
    // The framework says that it is no JSON.
    return;
  }
  const fields = findBadFields(input, value);
  if (fields.length > 0) throw invalidRequest(...fields);
}

/** Refuses a message in binary form that has an entry which would be lost. */
export function refuseUnheardBinary(input: DescMessage, bytes: Uint8Array): void {
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!given.includes(lostName)) return;
  let kept: Buffer;
  try {
    kept = Buffer.from(toBinary(input, fromBinary(input, bytes)));
  } catch {
    return;
  }
  if (count(kept) < count(given)) throw problem("INVALID_REQUEST", `the name "${lostName}" cannot be kept`);
}

function count(bytes: Buffer): number {
  let found = 0;
  for (let at = bytes.indexOf(lostName); at >= 0; at = bytes.indexOf(lostName, at + 1)) found++;
  return found;
}
