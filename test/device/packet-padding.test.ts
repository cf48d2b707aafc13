import { expect, it } from "vitest";
import { createPacketPadding } from "../../src/device/packet-padding.js";

it("fills the piece that is asked for, and nothing beside it", () => {
  const pad = createPacketPadding();
  const packet = Buffer.alloc(40);
  for (let i = 0; i < 2_000; i++) pad(packet, 12, 16);
  expect(packet.subarray(0, 12)).toEqual(Buffer.alloc(12));
  expect(packet.subarray(12, 28)).not.toEqual(Buffer.alloc(16));
  expect(packet.subarray(28)).toEqual(Buffer.alloc(12));
});

it("gives no byte twice: no two paddings are alike, over many stocks of it", () => {
  const pad = createPacketPadding();
  const seen = new Set<string>();
  for (let i = 0; i < 5_000; i++) {
    const packet = Buffer.alloc(16);
    pad(packet, 0, 16);
    seen.add(packet.toString("hex"));
  }
  expect(seen.size).toBe(5_000);
});

it("leaves what is longer than padding to Node, whatever is asked for", () => {
  const pad = createPacketPadding();
  const key = Buffer.alloc(100_000);
  expect(pad(key)).toBe(key);
  expect(key.subarray(-16)).not.toEqual(Buffer.alloc(16));
});
