import { base64Decode } from "@bufbuild/protobuf/wire";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { compressedFlag } from "@connectrpc/connect/protocol";
import { problem } from "../../errors.js";
import type { AnyRequest } from "./one-port-server.js";
import type { Protocol } from "./protocol.js";
import { maxRequestBytes } from "./request-body.js";

/** How messages may be packed. */
export const compressions = [compressionGzip, compressionBrotli];

const envelopeHeadBytes = 5;
/** The field that says how messages are packed. */
const packingFields: Readonly<Record<Protocol, string>> = {
  grpc: "grpc-encoding",
  "grpc-web": "grpc-encoding",
  connect: "content-encoding",
  "connect-stream": "connect-content-encoding",
};

/**
 * The message of a request, out of its envelope and unpacked, so that what is asked of it holds however it came. Undefined
 * where it cannot be unpacked: the framework refuses that in its own words.
 */
export async function messageOf(
  request: AnyRequest,
  protocol: Protocol,
  body: Uint8Array,
): Promise<Uint8Array | undefined> {
  const named = request.headers[packingFields[protocol]];
  const packing = typeof named === "string" ? named : "";
  if (protocol === "connect") return unpacked(body, packing);
  const isPacked = ((body[0] ?? 0) & compressedFlag) === compressedFlag;
  return unpacked(body.subarray(envelopeHeadBytes), isPacked ? packing : "");
}

/** The message in the query of a GET, and whether it is JSON. As {@link messageOf}. */
export async function messageInQuery(
  request: AnyRequest,
): Promise<{ readonly isJson: boolean; readonly message: Uint8Array | undefined }> {
  const query = new URLSearchParams((request.url ?? "").split("?").slice(1).join("?"));
  const given = query.get("message") ?? "";
  const bytes = query.get("base64") === "1" ? bytesOf(given) : Buffer.from(given);
  return { isJson: query.get("encoding") === "json", message: await unpacked(bytes, query.get("compression") ?? "") };
}

async function unpacked(bytes: Uint8Array, packing: string): Promise<Uint8Array | undefined> {
  if (packing === "" || packing === "identity" || bytes.length === 0) return bytes;
  try {
    return await compressions.find(({ name }) => name === packing)?.decompress(bytes, maxRequestBytes);
  } catch {
    return undefined;
  }
}

/** What a query holds in base64, by the framework's own reading, which takes anything else for a fault of ours. */
function bytesOf(base64: string): Uint8Array {
  try {
    return base64Decode(base64);
  } catch {
    throw problem("INVALID_REQUEST", "the message in the query is not base64");
  }
}
