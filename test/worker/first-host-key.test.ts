import { afterAll, beforeAll, expect, test } from "vitest";
import type { Hop } from "../../src/device/index.js";
import { systemRandom } from "../../src/system/random.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { hasOpenSsh, startOpenSsh } from "../support/openssh.js";
import { openTestStore, type TestStore } from "../support/store.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

test.skipIf(!hasOpenSsh()).each(["device", "bastion"])(
  "of two first logins that meet different keys the one goes on whose key was kept first: of a %s (needs openssh-server)",
  async (what) => {
    const [first, second] = await Promise.all([startOpenSsh(), startOpenSsh()]);
    const way = await startTcpProxy({ host: "127.0.0.1", port: first.port }, systemRandom);
    const sessions = pool({
      onHostKey: (_endpoint, { line }, place) => at.store.devices.pinFirstHostKey("default", place, line),
    });
    /** Nobody knew a key of it when this login began. */
    const login = (server: typeof first, accountKey: string) => {
      const account = { username: server.username, privateKey: server.privateKey };
      const hostKeys = { mode: "accept-new", known: [] } as const;
      const host: Hop = { address: "127.0.0.1", port: way.port, account, accountKey, hostKeys };
      const device = { ...host, platform: platform("linux") };
      if (what === "device") return sessions.checkout(endpoint(way.port, "", device));
      return sessions.checkout(endpoint(server.port, "", { ...device, port: server.port, bastions: [host] }));
    };
    try {
      const session = await login(first, "1");
      way.redirect({ host: "127.0.0.1", port: second.port });
      await expect(login(second, "2")).rejects.toMatchObject({
        ...{ reason: "HOST_KEY_CHANGED", hop: what === "bastion" ? `127.0.0.1:${way.port}` : undefined },
        hostKey: { line: second.hostKey },
      });
      expect(sessions.size).toBe(1);
      expect((await run(session, "echo hello")).output).toBe("hello\n");
    } finally {
      await sessions.close();
      await way.close();
      await Promise.all([first.stop(), second.stop()]);
    }
  },
);
