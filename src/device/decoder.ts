import { isUtf8 } from "node:buffer";

/** Turns a byte stream into text, whatever the cuts between chunks. */
export interface Decoder {
  /** The text of these bytes; up to three bytes that may start a character are kept for the next call. */
  push(bytes: Uint8Array): string;
  /** The text of what is kept, at the end of the stream. */
  flush(): string;
}

const nothing: Buffer = Buffer.alloc(0);

/** UTF-8, where every byte that is not part of a valid sequence is read as ISO 8859-1, as old devices send it. */
export function createDecoder(): Decoder {
  let kept = nothing;
  return {
    push(bytes) {
      const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const all = kept.length > 0 ? Buffer.concat([kept, chunk]) : chunk;
      const end = all.length - openSequence(all);
      const isWhole = end === all.length;
      kept = isWhole ? nothing : Buffer.from(all.subarray(end));
      return decode(isWhole ? all : all.subarray(0, end));
    },
    flush() {
      const text = kept.toString("latin1");
      kept = nothing;
      return text;
    },
  };
}

function decode(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  let start = 0; // of the run of valid text that is not in `text` yet
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceAt(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    text += bytes.toString("utf8", start, at) + bytes.toString("latin1", at, at + 1);
    start = ++at;
  }
  return text + bytes.toString("utf8", start);
}

/** How many bytes at the end may be the start of a character. */
function openSequence(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const at = bytes.length - back;
    if (sequenceAt(bytes, at) === -1) return back;
  }
  return 0;
}

/** The length of the valid character at `at`; 0 when there is none, -1 when it is cut off but valid so far. */
function sequenceAt(bytes: Buffer, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length =
    lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  for (let offset = 1; offset < length; offset++) {
    const next = bytes[at + offset];
    if (next === undefined) return -1;
    // The second byte is bounded so that there is one way to write a character, and no surrogates.
    const least = offset > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const most = offset > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (next < least || next > most) return 0;
  }
  return length;
}
