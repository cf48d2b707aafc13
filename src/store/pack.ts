/** What can be packed. In a list, what is undefined comes as false; a field that is undefined is left out. */
export type Packable = string | number | Uint8Array | undefined | readonly Packable[] | PackableFields;
export interface PackableFields {
  readonly [name: string]: Packable | undefined;
}

/** Fields, or undefined where all of them are. */
export function someOf(fields: PackableFields): PackableFields | undefined {
  for (const name in fields) if (fields[name] !== undefined) return fields;
  return undefined;
}

/** Below this many characters, writing them one by one is faster than asking for a copy. */
const shortText = 48;

let scratch = Buffer.allocUnsafe(16 * 1024);
let end = 0;

/**
 * Packs a value as MessagePack, which scripts read with `cmsgpack`: one argument instead of many, each of which would
 * cost this process and Redis as much as a job's facts are worth. Numbers go as decimal text, as everywhere in scripts.
 */
export function pack(value: Packable): Buffer {
  end = 0;
  write(value);
  return Buffer.from(scratch.subarray(0, end));
}

/** Packs values as a part of a list. */
export function packPart(values: readonly Packable[]): Buffer {
  end = 0;
  for (const value of values) write(value);
  return Buffer.from(scratch.subarray(0, end));
}

/** Joins parts as one list of `count` values. */
export function packedList(parts: readonly Uint8Array[], count: number): Buffer {
  const header = Buffer.allocUnsafe(5);
  header[0] = 0xdd;
  header.writeUInt32BE(count, 1);
  return Buffer.concat([header, ...parts]);
}

function write(value: Packable): void {
  if (value === undefined) writeFalse();
  else if (typeof value === "string") writeText(value);
  else if (typeof value === "number") writeText(String(value));
  else if (value instanceof Uint8Array) writeBytes(value);
  else if (isList(value)) {
    writeHeader(0x90, 15, 0xdc, value.length);
    for (const one of value) write(one);
  } else {
    reserve(3);
    const begin = end;
    end += 3;
    let count = 0;
    for (const name in value) {
      const field = value[name];
      if (field === undefined) continue;
      count += 1;
      writeText(name);
      write(field);
    }
    scratch[begin] = 0xde;
    scratch.writeUInt16BE(count, begin + 1);
  }
}

function writeFalse(): void {
  reserve(1);
  scratch[end++] = 0xc2;
}

function isList(value: Packable): value is readonly Packable[] {
  return Array.isArray(value);
}

/** Makes room for `bytes` more. */
function reserve(bytes: number): void {
  if (end + bytes <= scratch.length) return;
  const larger = Buffer.allocUnsafe(Math.max(2 * scratch.length, end + bytes));
  scratch.copy(larger, 0, 0, end);
  scratch = larger;
}

/**
 * `few` is the code of what holds at most `most`, with the count in it; `many` of what has its count in the two bytes
 * behind it, and `many + 1` in four.
 */
function writeHeader(few: number, most: number, many: number, count: number): void {
  reserve(5);
  if (count <= most) scratch[end++] = few | count;
  else if (count < 0x10000) {
    scratch[end++] = many;
    end = scratch.writeUInt16BE(count, end);
  } else {
    scratch[end++] = many + 1;
    end = scratch.writeUInt32BE(count, end);
  }
}

function writeText(text: string): void {
  const { length } = text;
  reserve(5 + 3 * length);
  if (length < shortText && writeAscii(text, length)) return;
  if (3 * length < 0x10000) {
    const bytes = scratch.write(text, end + 3);
    scratch[end] = 0xda;
    scratch.writeUInt16BE(bytes, end + 1);
    end += 3 + bytes;
  } else {
    writeHeader(0xa0, 31, 0xda, Buffer.byteLength(text));
    end += scratch.write(text, end);
  }
}

/** Writes a short text of nothing but ASCII; false, and nothing written, when it has anything else. */
function writeAscii(text: string, length: number): boolean {
  const begin = end;
  writeHeader(0xa0, 31, 0xda, length);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) {
      end = begin;
      return false;
    }
    scratch[end++] = code;
  }
  return true;
}

function writeBytes(bytes: Uint8Array): void {
  reserve(5 + bytes.length);
  writeHeader(0xa0, 31, 0xda, bytes.length);
  scratch.set(bytes, end);
  end += bytes.length;
}
