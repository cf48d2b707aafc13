import { EventEmitter } from "node:events";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { openHintLine } from "../../src/store/hint-line.js";
import { eventually } from "../support/eventually.js";

/** As much of a connection as a line uses. */
class FakeConnection extends EventEmitter {
  status = "ready";
  disconnects = 0;
  ping = (): Promise<string> => Promise.resolve("PONG");
  disconnect(): void {
    this.disconnects++;
    this.status = "end";
    this.emit("end");
  }
}

test("a connection that has ended is not ended once more: the client would hold the process for it", async () => {
  const made: FakeConnection[] = [];
  const dial = (): Promise<Redis> => {
    const connection = new FakeConnection();
    made.push(connection);
    return Promise.resolve(connection as unknown as Redis);
  };
  const line = await openHintLine(dial, { message: () => undefined, back: () => undefined });
  made[0]?.disconnect();
  await eventually(() => expect(made).toHaveLength(2));
  await line.stop();
  expect(made.map(({ disconnects }) => disconnects)).toEqual([1, 1]);
});
