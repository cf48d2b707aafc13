import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import ssh2 from "ssh2";
import { createSshConnector, type Endpoint, type Hop } from "../../src/device/index.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { hasOpenSsh, startOpenSsh, type OpenSshServer } from "../support/openssh.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

function hop(server: OpenSshServer, changes: Partial<Hop> = {}): Hop {
  return {
    address: "127.0.0.1",
    port: server.port,
    account: { username: server.username, privateKey: server.privateKey },
    accountKey: "1",
    hostKeys: { mode: "strict", known: [server.hostKey] },
    ...changes,
  };
}

describe.skipIf(!hasOpenSsh())("bastions, each a real OpenSSH server (needs openssh-server)", () => {
  const connector = createSshConnector(systemClock);
  const keys: { readonly port: number; readonly before: number }[] = [];
  const sessions = pool({
    connect: connector.connect,
    onHostKey: (_endpoint, { line }, { port, bastions = [] }) => {
      keys.push({ port, before: bastions.length });
      return Promise.resolve([line]);
    },
  });
  let first: OpenSshServer;
  let second: OpenSshServer;
  let host: OpenSshServer;

  beforeAll(async () => {
    [first, second, host] = await Promise.all([startOpenSsh(), startOpenSsh(), startOpenSsh()]);
  });
  afterAll(async () => {
    await sessions.close();
    await Promise.all([first, second, host].map((server) => server?.stop()));
  });

  const behind = (bastions: readonly Hop[], changes: Partial<Endpoint> = {}): Endpoint =>
    endpoint(host.port, host.hostKey, { ...hop(host), platform: platform("linux"), bastions, ...changes });

  test("a chain of two leads to the device, and is shared by all that go the same way", async () => {
    const chain = [hop(first), hop(second)];
    const session = await sessions.checkout(behind(chain));
    expect((await run(session, "echo $SSH_CONNECTION")).output).toMatch(
      new RegExp(`^127\\.0\\.0\\.1 \\d+ .* ${host.port}\n$`),
    );
    expect(connector.bastions.size).toBe(2);
    const others = await Promise.all(
      [1, 2, 3].map((n) => sessions.checkout(behind(chain, { accountKey: `other ${n}` }))),
    );
    expect(connector.bastions.size).toBe(2);
    for (const other of others) expect((await run(other, "echo hello")).output).toBe("hello\n");
    const shorter = await sessions.checkout(behind([hop(first)]));
    expect(shorter.reused).toBe(false);
    expect(connector.bastions.size).toBe(2);
    for (const one of [session, shorter, ...others]) sessions.discard(one);
  });

  test("a bastion that is asked for by many at once is logged in to once", async () => {
    const account = { accountKey: "crowd" };
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, n) => sessions.checkout(behind([hop(second, account)], { accountKey: `${n}` }))),
    );
    expect(connector.bastions.size).toBe(3);
    for (const one of all) sessions.discard(one);
  });

  test("another key at the second bastion is named with it, and no login goes there", async () => {
    const chain = [hop(first), hop(second, { hostKeys: { mode: "strict", known: [host.hostKey] }, accountKey: "x" })];
    await expect(sessions.checkout(behind(chain))).rejects.toMatchObject({
      reason: "HOST_KEY_CHANGED",
      hop: `127.0.0.1:${second.port}`,
      message: expect.stringContaining("bastion 2") as string,
      credentialOffered: false,
    });
  });

  test("a login that the first bastion refuses is named with it", async () => {
    const stranger = { username: first.username, privateKey: host.privateKey };
    const chain = [hop(first, { account: stranger, accountKey: "y" }), hop(second)];
    await expect(sessions.checkout(behind(chain))).rejects.toMatchObject({
      reason: "AUTHENTICATION_FAILED",
      hop: `127.0.0.1:${first.port}`,
      credentialOffered: true,
    });
  });

  test("a bastion that forbids forwarding is FORWARDING_REFUSED; one that finds nobody says so", async () => {
    const closed = await startOpenSsh(["AllowTcpForwarding no"]);
    try {
      await expect(sessions.checkout(behind([hop(first), hop(closed)]))).rejects.toMatchObject({
        reason: "FORWARDING_REFUSED",
        hop: `127.0.0.1:${closed.port}`,
        behindHop: true,
      });
      await closed.stop();
      await expect(sessions.checkout(behind([hop(first), hop(closed, { accountKey: "z" })]))).rejects.toMatchObject({
        reason: "CONNECTION_REFUSED",
        hop: `127.0.0.1:${first.port}`,
        behindHop: true,
      });
    } finally {
      await closed.stop();
    }
  });

  test("a device behind a bastion refuses its own login and its own key in its own name", async () => {
    const stranger = { account: { username: host.username, privateKey: first.privateKey }, accountKey: "w" };
    await expect(sessions.checkout(behind([hop(first)], stranger))).rejects.toMatchObject({
      reason: "AUTHENTICATION_FAILED",
      hop: undefined,
    });
    const other = { hostKeys: { mode: "strict", known: [first.hostKey] } } as const;
    await expect(sessions.checkout(behind([hop(first)], { ...other, accountKey: "v" }))).rejects.toMatchObject({
      reason: "HOST_KEY_CHANGED",
      hop: undefined,
    });
  });

  test("first keys are reported for every hop, with the way to it", async () => {
    keys.length = 0;
    const open = { hostKeys: { mode: "accept-new", known: [] }, accountKey: "new" } as const;
    const session = await sessions.checkout(behind([hop(first, open), hop(second, open)], open));
    expect(keys).toEqual(
      expect.arrayContaining([
        { port: first.port, before: 0 },
        { port: second.port, before: 1 },
        { port: host.port, before: 2 },
      ]),
    );
    sessions.discard(session);
  });

  test("one that falls silent is named, and whoever comes next connects anew; what runs through it is left alone", async () => {
    const proxy = await startTcpProxy({ host: "127.0.0.1", port: first.port }, systemRandom);
    try {
      const way = [hop(first, { port: proxy.port })];
      const quickly = { connectTimeoutMs: 600 };
      const session = await sessions.checkout(behind(way, { accountKey: "a" }));
      const { size } = connector.bastions;
      proxy.set({ hold: "both" });
      await expect(sessions.checkout(behind(way, { ...quickly, accountKey: "b" }))).rejects.toMatchObject({
        ...{ reason: "DEVICE_UNREACHABLE", hop: `127.0.0.1:${proxy.port}`, behindHop: false },
      });
      expect(connector.bastions.size).toBe(size - 1);
      proxy.set({});
      expect((await run(session, "echo still here")).output).toBe("still here\n");
      const other = await sessions.checkout(behind(way, { accountKey: "c" }));
      expect(proxy.connections).toBe(2);
      for (const one of [session, other]) sessions.discard(one);
    } finally {
      await proxy.close();
    }
  });

  test("one that answers, and gets no answer from the next host, is not to blame", async () => {
    const { private: key } = ssh2.utils.generateKeyPairSync("ed25519");
    const server = new ssh2.Server({ hostKeys: [key] }, (client) => {
      client.on("error", () => undefined);
      client.on("authentication", (context) => context.accept());
      // Keeps whoever asks for a way through waiting.
      client.on("tcpip", () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const patient = hop(first, { port, hostKeys: { mode: "accept-new", known: [] } });
      await expect(
        sessions.checkout(behind([patient], { connectTimeoutMs: 600, accountKey: "d" })),
      ).rejects.toMatchObject({ reason: "DEVICE_UNREACHABLE", hop: `127.0.0.1:${port}`, behindHop: true });
    } finally {
      server.close();
    }
  });

  test("when a bastion is lost, the sessions through it are over and a new one goes another way in", async () => {
    const gateway = await startOpenSsh();
    const way = [hop(gateway, { accountKey: "lost" })];
    const session = await sessions.checkout(behind(way));
    const running = run(session, "echo begun; sleep 60").catch((error: unknown) => error);
    await gateway.stop();
    sessions.discard(session);
    expect(await running).toMatchObject({ reason: "DISCONNECTED" });
  });
});
