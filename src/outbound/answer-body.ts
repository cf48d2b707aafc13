import type { IncomingMessage } from "node:http";
import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";

/** What an answer can be packed with. */
const unpackers: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * Reads the body of an answer, unpacked: `maxBytes` of it at most, and nothing is unpacked behind them. Packed in a way that
 * is not known, it is given as it came; damaged, as far as it goes. Rejects when the connection breaks.
 */
export async function readBody(
  response: IncomingMessage,
  maxBytes: number,
): Promise<{ readonly body: Uint8Array; readonly truncated: boolean }> {
  const unpacker = unpackers[response.headers["content-encoding"]?.trim().toLowerCase() ?? ""]?.();
  const pieces: Buffer[] = [];
  let left = maxBytes;
  try {
    for await (const piece of unpacker ? unpacked(response, unpacker) : (response as AsyncIterable<Buffer>)) {
      pieces.push(piece.subarray(0, left));
      if (piece.length > left) return { body: Buffer.concat(pieces), truncated: true };
      left -= piece.length;
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { body: Buffer.concat(pieces), truncated: true };
  }
  return { body: Buffer.concat(pieces), truncated: false };
}

function unpacked(response: Readable, unpacker: Transform): AsyncIterable<Buffer> {
  // What breaks either of them ends the other; whoever reads hears of it there.
  return pipeline(response, unpacker, () => undefined);
}

/** Whether an error is the unpacker's own. */
function isDamage(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return code.startsWith("Z_") || code.startsWith("ERR__ERROR_") || code.startsWith("ERR_BROTLI");
}
