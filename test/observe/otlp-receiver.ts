import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** A span as it came over the wire. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly text: string;
}

/** Takes OTLP over HTTP, as a collector does. */
export async function startOtlpReceiver() {
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      spans.push(...spansOf(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body));
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** ExportTraceServiceRequest: resource_spans = 1, in it scope_spans = 2, in it spans = 2. */
function spansOf(request: Uint8Array): ReceivedSpan[] {
  return inside(request, 1)
    .flatMap((resourceSpans) => inside(resourceSpans, 2))
    .flatMap((scopeSpans) => inside(scopeSpans, 2))
    .map((span) => {
      const hex = (field: number): string => Buffer.from(inside(span, field)[0] ?? []).toString("hex");
      const name = Buffer.from(inside(span, 5)[0] ?? []).toString();
      return {
        name,
        traceId: hex(1),
        spanId: hex(2),
        parentSpanId: hex(4),
        text: Buffer.from(span).toString("latin1"),
      };
    });
}

/** What a field of a message holds, each time it is there. */
function inside(message: Uint8Array, field: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === field && type === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(type, number);
  }
  return found;
}
