import crypto from "node:crypto";
import { createRequire } from "node:module";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { algorithmOffer } from "../../src/device/algorithms.js";
import { connectSparingly } from "../../src/device/sparing-client.js";
import { createHostKeyVerifier } from "../../src/device/host-key.js";
import { knownHostKeys, parseHostKey, parseKnownHosts } from "../../src/device/index.js";
import { createGroupExchange } from "../../src/device/group-exchange.js";
import { loadSsh2 } from "../../src/device/key-exchange.js";

// Generated for this test; nobody holds their private halves.
const ed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMN1RxdsMKbvrlAdDfTMxSM2l8nRMwAKSDZ9ZQrBfpBn";
const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

describe("host keys", () => {
  test("have the fingerprint that OpenSSH prints", () => {
    // What `ssh-keygen -lf` prints for this key.
    expect(parseHostKey(ed).fingerprint).toBe("SHA256:Lzqj2hbGFN2XrSb0kkVF1vwd2+JQi+nFYK+r2SRr6Rc");
  });

  test.each(["ssh-ed25519", "ssh-ed25519 !!!!", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIMN1", "", "ssh-ed25519 AAAA"])(
    "%j is not one",
    (line) => expect(() => parseHostKey(line)).toThrow(RangeError),
  );

  test("are judged by what is known and by the policy", () => {
    const judge = (mode: "strict" | "accept-new", known: string[], key: string) =>
      createHostKeyVerifier({ mode, known })(parseHostKey(key));
    expect(judge("strict", [ed], ed)).toBe("known");
    expect(judge("strict", [`${other} comment`, `${ed} other comment`], ed)).toBe("known");
    expect(judge("strict", [other], ed)).toBe("changed");
    expect(judge("accept-new", [other], ed)).toBe("changed");
    expect(judge("strict", [], ed)).toBe("unknown");
    expect(judge("accept-new", [], ed)).toBe("first");
    expect(() => judge("strict", ["nonsense"], ed)).toThrow(RangeError);
  });

  test("are found in a known_hosts file as OpenSSH finds them", () => {
    const file = [
      "# a comment",
      "",
      `r1,10.0.0.1 ${ed} added by hand`,
      `[r1]:2222 ${other}`,
      `*.example.net,!bad.example.net ${ed}`,
      // ssh-keygen -H of "hashed" and of "[hashed]:2222"
      `|1|${hash("hashed")} ${ed}`,
      `|1|${hash("[hashed]:2222")} ${other}`,
      `@cert-authority *.example.org ${ed}`,
      `revoked ${ed}`,
      `@revoked revoked ${ed}`,
    ].join("\n");
    expect(knownHostKeys(file, "r1", 22)).toEqual([ed]);
    expect(knownHostKeys(file, "R1", 22)).toEqual([ed]);
    expect(knownHostKeys(file, "10.0.0.1", 22)).toEqual([ed]);
    expect(knownHostKeys(file, "r1", 2222)).toEqual([other]);
    expect(knownHostKeys(file, "sw.example.net", 22)).toEqual([ed]);
    expect(knownHostKeys(file, "bad.example.net", 22)).toEqual([]);
    expect(knownHostKeys(file, "hashed", 22)).toEqual([ed]);
    expect(knownHostKeys(file, "hashed", 2222)).toEqual([other]);
    expect(knownHostKeys(file, "sw.example.org", 22)).toEqual([]);
    expect(knownHostKeys(file, "revoked", 22)).toEqual([]);
    expect(() => parseKnownHosts(`r1 ${ed}\nr2 ssh-rsa nonsense!\n`)).toThrow("line 2");
  });
});

function hash(name: string): string {
  const salt = Buffer.from("0123456789abcdefghij");
  return `${salt.toString("base64")}|${crypto.createHmac("sha1", salt).update(name).digest("base64")}`;
}

describe("the group exchange", () => {
  const { prime, generator } = (() => {
    const group = crypto.getDiffieHellman("modp14");
    return { prime: group.getPrime(), generator: group.getGenerator() };
  })();

  test("agrees with Node's own Diffie-Hellman on the secret", () => {
    const ours = createGroupExchange(prime, generator);
    const theirs = crypto.getDiffieHellman("modp14");
    const ourKey = ours.generateKeys();
    const theirKey = theirs.generateKeys();
    expect(ours.getPublicKey()).toEqual(ourKey);
    const padded = (bytes: Buffer): string => bytes.toString("hex").padStart(512, "0");
    expect(padded(ours.computeSecret(theirKey))).toBe(padded(theirs.computeSecret(ourKey)));
  });

  test("refuses small groups and values that give the secret away", () => {
    const small = crypto.getDiffieHellman("modp2");
    expect(() => createGroupExchange(small.getPrime(), small.getGenerator())).toThrow(RangeError);
    expect(() => createGroupExchange(prime, Buffer.from([1]))).toThrow(RangeError);
    const exchange = createGroupExchange(prime, generator);
    exchange.generateKeys();
    const minusOne = Buffer.from((BigInt(`0x${prime.toString("hex")}`) - 1n).toString(16), "hex");
    for (const value of [Buffer.from([0]), Buffer.from([1]), minusOne, prime]) {
      expect(() => exchange.computeSecret(value)).toThrow(RangeError);
    }
  });

  test("is ours alone: node:crypto and other users of ssh2 keep theirs", () => {
    const require = createRequire(import.meta.url);
    const before = crypto.createDiffieHellman;
    const { Client } = loadSsh2();
    expect(crypto.createDiffieHellman).toBe(before);
    expect(loadSsh2().Client).toBe(Client);
    expect(require("ssh2")).toHaveProperty("Client");
  });
});

describe("connections through ssh2", () => {
  test("keep one copy of an offer for all of them, and no part of the memory that others share", () => {
    const kept = [1, 2].map(() => {
      const { Client } = loadSsh2();
      const client = new Client();
      client.on("error", () => undefined);
      connectSparingly(client, algorithmOffer("compat", ["ssh-rsa"]), {
        sock: new PassThrough(),
        username: "a",
        ident: "Pointsman",
      });
      // What ssh2 keeps of a connection; its types do not tell.
      const { _protocol } = client as unknown as { _protocol: { _offer: object; _identRaw: Buffer } };
      client.destroy();
      return _protocol;
    });
    expect(kept[0]?._offer).toBeTypeOf("object");
    expect(kept[0]?._offer).toBe(kept[1]?._offer);
    expect(kept[0]?._identRaw.buffer.byteLength).toBe("SSH-2.0-Pointsman".length);
  });
});

describe("the offered algorithms", () => {
  test("reach back as far as the profile says", () => {
    const [modern, compat, legacy] = [algorithmOffer("modern"), algorithmOffer("compat"), algorithmOffer("legacy")];
    expect(modern.kex.filter((name) => name.endsWith("sha1"))).toEqual([]);
    expect(modern.serverHostKey).not.toContain("ssh-rsa");
    expect(compat.kex).toContain("diffie-hellman-group14-sha1");
    expect(compat.kex).not.toContain("diffie-hellman-group1-sha1");
    expect(compat.cipher).not.toContain("3des-cbc");
    expect(legacy.kex.at(-1)).toBe("diffie-hellman-group1-sha1");
    expect(compat.kex[0]).toBe("ecdh-sha2-nistp256");
    expect(compat.compress).toEqual(["none"]);
  });

  test("ask first for the key types that are known", () => {
    expect(algorithmOffer("compat", ["ssh-rsa"]).serverHostKey.slice(0, 3)).toEqual([
      "rsa-sha2-512",
      "rsa-sha2-256",
      "ssh-rsa",
    ]);
  });
});
