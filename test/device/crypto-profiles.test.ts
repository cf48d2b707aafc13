import { afterAll, describe, expect, test } from "vitest";
import { type Endpoint } from "../../src/device/index.js";
import { offeredBy } from "../../src/device/kex-offer.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { hasDropbear, startDropbear } from "../support/dropbear.js";
import { hasOpenSsh, startOpenSsh } from "../support/openssh.js";

const anyKey = { mode: "accept-new", known: [] } as const;
const old = ["KexAlgorithms diffie-hellman-group1-sha1", "Ciphers 3des-cbc", "MACs hmac-md5"];

function target(server: { port: number; username: string; privateKey: string }, changes: Partial<Endpoint> = {}) {
  const { username, privateKey } = server;
  const account = { username, privateKey };
  return endpoint(server.port, "", { platform: platform("linux"), account, hostKeys: anyKey, ...changes });
}

describe.skipIf(!hasOpenSsh())("crypto profiles, against OpenSSH (needs openssh-server)", () => {
  const sessions = pool();
  afterAll(() => sessions.close());

  test("today's server gives a modern connection", async () => {
    const server = await startOpenSsh();
    try {
      const session = await sessions.checkout(target(server));
      expect(session.cryptoProfile).toBe("modern");
      sessions.discard(session);
    } finally {
      await server.stop();
    }
  });

  test("a server of the last ten years is compat, and one that is older is found out to be legacy", async () => {
    const [decade, ancient] = await Promise.all([
      startOpenSsh(["KexAlgorithms diffie-hellman-group14-sha1", "HostKeyAlgorithms ssh-rsa", "Ciphers aes128-cbc"]),
      startOpenSsh([...old, "HostKeyAlgorithms ssh-rsa"]),
    ]);
    try {
      for (const [server, profile] of [
        [decade, "compat"],
        [ancient, "legacy"],
      ] as const) {
        const session = await sessions.checkout(target(server));
        expect(session.cryptoProfile).toBe(profile);
        expect((await run(session, "echo hello")).output).toBe("hello\n");
        sessions.discard(session);
      }
      const remembered = await sessions.checkout(target(ancient, { lastCryptoProfile: "legacy", accountKey: "2" }));
      expect(remembered.cryptoProfile).toBe("legacy");
      sessions.discard(remembered);
    } finally {
      await Promise.all([decade.stop(), ancient.stop()]);
    }
  });

  test("a chosen profile is kept to, and a mismatch names what the device offers", async () => {
    const server = await startOpenSsh(old);
    try {
      await expect(sessions.checkout(target(server, { cryptoProfile: "compat" }))).rejects.toMatchObject({
        reason: "KEX_MISMATCH",
        deviceMessage: expect.stringMatching(
          /^offered: key exchange: diffie-hellman-group1-sha1.*; host key: .*; cipher: 3des-cbc; MAC: hmac-md5$/,
        ) as string,
      });
    } finally {
      await server.stop();
    }
  });
});

describe.skipIf(!hasDropbear())("crypto profiles, against dropbear (needs dropbear-bin)", () => {
  test("dropbear is reached and serves commands", async () => {
    const server = await startDropbear();
    const sessions = pool();
    try {
      const session = await sessions.checkout(target(server));
      expect(session.remoteVersion).toMatch(/^dropbear/);
      expect(session.cryptoProfile).toBe("modern");
      const { output, exitStatus } = await run(session, "echo hello; exit 3");
      expect({ output, exitStatus }).toEqual({ output: "hello\n", exitStatus: 3 });
      sessions.discard(session);
    } finally {
      await sessions.close();
      await server.stop();
    }
  });
});

describe("what a server offers", () => {
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["the beginning of a packet", Buffer.from([0, 0, 0, 60, 4, 20, 1, 2, 3])],
    ["another packet", Buffer.concat([Buffer.from([0, 0, 0, 2, 0, 1]), Buffer.alloc(8)])],
    [
      "a list that is longer than the packet",
      Buffer.concat([Buffer.from([0, 0, 0, 24, 0, 20]), Buffer.alloc(22, 255)]),
    ],
  ])("is not made up from %s", (_, bytes) => expect(offeredBy(bytes)).toBeUndefined());
});
