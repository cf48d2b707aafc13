import { connect } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { WatchJobRequestSchema, WatchJobResponseSchema } from "../../sdk/dist/v1.js";

/**
 * A process of people who watch: it opens a watch for each id it is sent and says when all are in step, and then, when
 * asked, when each of them saw its job change. It speaks the protocol itself and does with an answer no more than read
 * it, so that what is measured is the server, not a client.
 */

/** A server takes a bounded number of streams on one connection. */
const perConnection = 500;
const headBytes = 5;
const path = "/pointsman.v1.JobService/WatchJob";

/** Calls `answered` with each message of a stream. Envelopes: one byte of flags, four of length, the message. */
function readEnvelopes(stream, answered) {
  let rest = Buffer.alloc(0);
  stream.on("data", (piece) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (rest.length >= headBytes) {
      const end = headBytes + rest.readUInt32BE(1);
      if (rest.length < end) return;
      if (rest[0] === 0) answered(fromBinary(WatchJobResponseSchema, rest.subarray(headBytes, end)).item.case);
      rest = rest.subarray(end);
    }
  });
}

function requestOf(id) {
  const message = toBinary(WatchJobRequestSchema, create(WatchJobRequestSchema, { id, skipHistory: true }));
  const envelope = Buffer.alloc(headBytes + message.length);
  envelope.writeUInt32BE(message.length, 1);
  envelope.set(message, headBytes);
  return envelope;
}

let sessions = [];
/** When each watch saw its job change, by the machine's monotonic clock, in milliseconds. */
let seen = [];

async function open(port, ids) {
  seen = Array(ids.length);
  sessions = Array.from({ length: Math.ceil(ids.length / perConnection) }, () => connect(`http://127.0.0.1:${port}`));
  const follow = (id, index) =>
    new Promise((resolve, reject) => {
      const headers = { ":method": "POST", ":path": path, "content-type": "application/connect+proto" };
      const stream = sessions[Math.floor(index / perConnection)].request(headers);
      stream.on("error", reject);
      readEnvelopes(stream, (item) => {
        if (item === "synced") resolve();
        else if (item === "event") seen[index] ??= Number(process.hrtime.bigint()) / 1e6;
      });
      stream.end(requestOf(id));
    });
  for (let from = 0; from < ids.length; from += 100) {
    await Promise.all(ids.slice(from, from + 100).map((id, i) => follow(id, from + i)));
  }
}

process.on("message", (message) => {
  if (message.open) open(message.open.port, message.open.ids).then(() => process.send({ open: true }));
  else if (message.close) process.disconnect();
  else process.send({ seen: seen.map((at) => at ?? null) });
});
process.once("disconnect", () => {
  for (const session of sessions) session.destroy();
});
