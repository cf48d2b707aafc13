import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Account } from "../../src/device/index.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { eventually } from "../support/eventually.js";
import { hasOpenSsh, startOpenSsh, type OpenSshServer } from "../support/openssh.js";
import { startScriptedDevice } from "../support/scripted-device.js";

describe.skipIf(!hasOpenSsh())("ways to log in to OpenSSH (needs openssh-server)", () => {
  const sessions = pool();
  let server: OpenSshServer;
  let dir: string;
  let agent: ChildProcess;
  let socket: string;

  beforeAll(async () => {
    server = await startOpenSsh();
    dir = await mkdtemp(join(tmpdir(), "pointsman-agent-"));
    socket = join(dir, "agent");
    await writeFile(join(dir, "key"), server.privateKey, { mode: 0o600 });
    agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
    // A key that the server does not know stands before the one that it does.
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, "stranger")]);
    for (const key of ["stranger", "key"]) {
      await eventually(async () =>
        execFileSync("ssh-add", ["-q", join(dir, key)], {
          env: { ...process.env, SSH_AUTH_SOCK: socket },
          stdio: "pipe",
        }),
      );
    }
  });
  afterAll(async () => {
    await sessions.close();
    agent?.kill();
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const login = (account: Omit<Account, "username">, accountKey: string) =>
    sessions.checkout(
      endpoint(server.port, server.hostKey, {
        platform: platform("linux"),
        account: { username: server.username, ...account },
        accountKey,
      }),
    );

  test("the keys of an agent are offered until one is taken", async () => {
    const session = await login({ agent: socket }, "agent");
    expect((await run(session, "echo in")).output).toBe("in\n");
    sessions.discard(session);
  });

  test("an agent that is not there is said to be so, and nothing was offered", async () => {
    await expect(login({ agent: join(dir, "nobody") }, "no agent")).rejects.toMatchObject({
      ...{ reason: "AUTHENTICATION_FAILED", credentialOffered: false },
      message: expect.stringMatching(/failed: the SSH agent did not serve the login$/) as string,
    });
  });

  test("a password does where the agent is not there; what is refused then says so of both", async () => {
    const device = await startScriptedDevice({
      shell: async (shell) => {
        shell.write("r1#");
        for (;;) {
          await shell.line();
          shell.write("r1#");
        }
      },
      authenticate(context) {
        if (context.method === "password" && context.password === "secret") context.accept();
        else context.reject(["publickey", "password"]);
      },
    });
    try {
      const as = (password: string) =>
        sessions.checkout(
          endpoint(device.port, device.hostKey, {
            account: { username: "admin", agent: join(dir, "nobody"), password },
            accountKey: password,
          }),
        );
      sessions.discard(await as("secret"));
      await expect(as("wrong")).rejects.toMatchObject({
        ...{ reason: "AUTHENTICATION_FAILED", credentialOffered: true },
        message: expect.stringContaining("refused the password; the SSH agent did not serve the login") as string,
      });
      expect(device.attempts).toEqual(["none", "password", "none", "password"]);
    } finally {
      await device.stop();
    }
  });

  test("a key is opened with its passphrase, and not without", async () => {
    const file = join(dir, "locked");
    await writeFile(file, server.privateKey, { mode: 0o600 });
    execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "open sesame", "-f", file]);
    const privateKey = await readFile(file, "utf8");
    sessions.discard(await login({ privateKey, passphrase: "open sesame" }, "passphrase"));
    await expect(login({ privateKey, passphrase: "wrong" }, "wrong")).rejects.toMatchObject({
      reason: "AUTHENTICATION_FAILED",
      credentialOffered: false,
    });
  });
});

describe.skipIf(!hasOpenSsh())("OpenSSH with the limits of small devices (needs openssh-server)", () => {
  const sessions = pool();
  afterAll(() => sessions.close());
  const target = (server: OpenSshServer, accountKey = "1") =>
    endpoint(server.port, server.hostKey, {
      platform: platform("linux"),
      account: { username: server.username, privateKey: server.privateKey },
      accountKey,
    });

  test("one channel at a time is enough for one command after the other", async () => {
    const server = await startOpenSsh(["MaxSessions 1"]);
    try {
      const session = await sessions.checkout(target(server));
      for (const word of ["one", "two", "three"]) expect((await run(session, `echo ${word}`)).output).toBe(`${word}\n`);
      sessions.discard(session);
    } finally {
      await server.stop();
    }
  });

  test("a server that takes one login at a time turns the others away with CONNECT_RATE_LIMITED", async () => {
    const server = await startOpenSsh(["MaxStartups 1:100:1"]);
    try {
      const tries = await Promise.allSettled(
        Array.from({ length: 8 }, (_, n) => sessions.checkout(target(server, `${n}`))),
      );
      const refused = tries.flatMap((one) => (one.status === "rejected" ? [one.reason as { reason: string }] : []));
      expect(refused.length).toBeGreaterThan(0);
      expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(["CONNECT_RATE_LIMITED"]));
      for (const one of tries) if (one.status === "fulfilled") sessions.discard(one.value);
      await eventually(async () => sessions.discard(await sessions.checkout(target(server, "again"))));
    } finally {
      await server.stop();
    }
  });

  test("a session outlives rekeys of a server that forces them by bytes and by time", async () => {
    const server = await startOpenSsh(["RekeyLimit 64K 2s"]);
    try {
      const session = await sessions.checkout(target(server));
      const { output } = await run(session, "for i in 1 2 3 4; do seq 30000; sleep 1; done");
      expect(output).toHaveLength(4 * 168_894);
      expect((await run(session, "echo after")).output).toBe("after\n");
      sessions.discard(session);
    } finally {
      await server.stop();
    }
  });
});
