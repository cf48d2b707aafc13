import { expect, test } from "vitest";
import { createRecordedDevice } from "../../src/device/recorded-session.js";
import { eventually } from "../support/eventually.js";

test("a recording is played in pieces as long as they are asked for, also through the middle of a character", async () => {
  const lengths = [4, 1, 2];
  let at = 0;
  const recording = { greeting: "Zürich\r\nsw1# ", turns: [] };
  const device = createRecordedDevice(recording, "sw1# ", () => lengths[at++ % lengths.length] ?? 1);
  const pieces: Buffer[] = [];
  const channel = await device.transport.openShell(80, 24);
  channel.listen({ data: (bytes) => void pieces.push(bytes), end: () => undefined });
  await eventually(() => expect(Buffer.concat(pieces).toString()).toBe(recording.greeting));
  expect(pieces.map(({ length }) => length)).toEqual([4, 1, 2, 2, 1, 2, 2]);
});
