import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import { joinWrites } from "../../src/streams/joined-writes.js";

/** A stream that remembers what it was made to write at once. */
function recording(): { readonly stream: Duplex; readonly calls: string[] } {
  const calls: string[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      calls.push(chunk.toString());
      done();
    },
    writev(chunks, done) {
      calls.push(chunks.map(({ chunk }) => (chunk as Buffer).toString()).join("+"));
      done();
    },
  });
  joinWrites(stream);
  return { stream, calls };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("sends what is written in one turn at once, in its order, and the next turn's by itself", async () => {
  const { stream, calls } = recording();
  for (const part of ["length", "packet", "tag"]) stream.write(part);
  expect(calls).toEqual([]);
  await turn();
  expect(calls).toEqual(["length+packet+tag"]);
  stream.write("more");
  await turn();
  expect(calls).toEqual(["length+packet+tag", "more"]);
});

it("loses nothing of what was written right before the end", async () => {
  const { stream, calls } = recording();
  stream.write("disconnect");
  stream.end("last");
  await turn();
  expect(calls.join("+")).toBe("disconnect+last");
});

it("says when its reader falls behind, also before the turn is over", () => {
  const { stream } = recording();
  expect(stream.write(Buffer.alloc(8))).toBe(true);
  expect(stream.write(Buffer.alloc(1024 * 1024))).toBe(false);
});
