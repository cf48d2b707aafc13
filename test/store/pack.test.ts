import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pack, packedList, packPart } from "../../src/store/pack.js";
import { openTestStore, type TestStore } from "../support/store.js";

/** What is packed here, Redis' own `cmsgpack` reads. */
let at: TestStore;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

type Read = Buffer | readonly Read[];

function read(packed: Uint8Array, script = "return cmsgpack.unpack(ARGV[1])"): Promise<Read> {
  return at.redis.callBuffer("EVAL", script, 0, Buffer.from(packed)) as Promise<Read>;
}

test("lists of texts and bytes of any length come through as they are", async () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(0, 31, 32, 47, 48).map((n) => "a".repeat(n)),
  );
  const bytes = fc.uint8Array({ maxLength: 100 });
  const items = fc.array(fc.array(fc.oneof(text, bytes, fc.array(text, { maxLength: 20 })), { maxLength: 20 }));
  await fc.assert(
    fc.asyncProperty(items, async (given) => {
      const plain = (value: string | Uint8Array): Buffer => Buffer.from(value as string);
      const expected = given.flat().map((part) => (Array.isArray(part) ? part.map(plain) : plain(part)));
      expect(await read(packedList(given.map(packPart), expected.length))).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

test("what is missing in a list comes as false, and keeps its place", async () => {
  const script = "local l = cmsgpack.unpack(ARGV[1]) return { #l, tostring(l[1]), l[2] }";
  const parts = [packPart([undefined]), packPart(["a"])];
  expect(await read(packedList(parts, 2), script)).toEqual([2, Buffer.from("false"), Buffer.from("a")]);
});

test("large texts, large bytes and long lists come through", async () => {
  const given = ["é".repeat(20_000), "x".repeat(70_000), new Uint8Array(70_000).fill(7)] as const;
  expect(await read(pack(given))).toEqual(given.map((part) => Buffer.from(part as string)));
  const long = Array.from({ length: 70_000 }, (_, i) => String(i));
  expect(await read(pack(long), "return #cmsgpack.unpack(ARGV[1])")).toBe(70_000);
});

test("fields come by name, without those that are undefined, and numbers as decimal text", async () => {
  const fields = { one: 1_700_000_000_000, none: undefined, list: ["a"], bytes: new Uint8Array([0, 255]) };
  const script = "local f = cmsgpack.unpack(ARGV[1]) return { f.one, f.list, f.bytes, tostring(f.none), type(f.one) }";
  const expected = [Buffer.from("1700000000000"), [Buffer.from("a")], Buffer.from([0, 255])];
  expect(await read(pack(fields), script)).toEqual([...expected, Buffer.from("nil"), Buffer.from("string")]);
});
