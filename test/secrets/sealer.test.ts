import { create, equals } from "@bufbuild/protobuf";
import { LoginSchema } from "@pointsman/sdk/v1";
import { expect, test } from "vitest";
import { credentialPlace, decodeLogin, encodeLogin, jobPlace } from "../../src/secrets/login-codec.js";
import { createSealer, SealError } from "../../src/secrets/sealer.js";
import { systemRandom } from "../../src/system/random.js";

const key = systemRandom.bytes(32);
const sealer = createSealer({ key, random: systemRandom });
const secret = new TextEncoder().encode("correct horse battery staple");

test("opens what it sealed, in the place it was sealed for", () => {
  expect(sealer.open(sealer.seal(secret, "job/1"), "job/1")).toEqual(Buffer.from(secret));
  expect(sealer.open(sealer.seal(new Uint8Array(), "job/1"), "job/1")).toHaveLength(0);
});

test("does not open in another place: two sealed secrets cannot be swapped", () => {
  const sealed = sealer.seal(secret, credentialPlace("core"));
  expect(() => sealer.open(sealed, credentialPlace("edge"))).toThrow(SealError);
  expect(() => sealer.open(sealed, jobPlace("core"))).toThrow(SealError);
});

test("notices every flipped bit, every cut and every added byte", () => {
  const sealed = sealer.seal(secret, "x");
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => sealer.open(changed, "x"), `bit ${bit}`).toThrow(SealError);
  }
  for (let length = 0; length < sealed.length; length++) {
    expect(() => sealer.open(sealed.subarray(0, length), "x"), `length ${length}`).toThrow(SealError);
  }
  expect(() => sealer.open(Uint8Array.of(...sealed, 0), "x")).toThrow(SealError);
});

test("says that another key is needed, and never what was sealed", () => {
  const other = createSealer({ key: systemRandom.bytes(32), random: systemRandom });
  expect(() => other.open(sealer.seal(secret, "x"), "x")).toThrow("another key");
});

test("seals the same text differently each time", () => {
  const seen = new Set(Array.from({ length: 1_000 }, () => Buffer.from(sealer.seal(secret, "x")).toString("hex")));
  expect(seen.size).toBe(1_000);
});

test("fingerprints are equal for equal bytes under one key, and nothing a holder of the bytes alone can compute", () => {
  const again = createSealer({ key, random: systemRandom });
  const other = createSealer({ key: systemRandom.bytes(32), random: systemRandom });
  expect(again.fingerprint(secret)).toBe(sealer.fingerprint(secret));
  expect(other.fingerprint(secret)).not.toBe(sealer.fingerprint(secret));
  expect(sealer.fingerprint(new Uint8Array(secret).fill(1, 0, 1))).not.toBe(sealer.fingerprint(secret));
});

test("a key of another length is refused", () => {
  expect(() => createSealer({ key: key.subarray(1), random: systemRandom })).toThrow("31 bytes");
});

test("a login comes back whole", () => {
  const login = create(LoginSchema, {
    username: "ann",
    password: "p",
    privateKey: "k",
    passphrase: "x",
    enableSecret: "e",
  });
  expect(equals(LoginSchema, decodeLogin(encodeLogin(login)), login)).toBe(true);
});
