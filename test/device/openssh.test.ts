import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  DeviceError,
  groupExchangeCount,
  type Endpoint,
  type Session,
  type SessionPool,
} from "../../src/device/index.js";
import { secretsDerivedAside } from "../../src/device/group-exchange.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { eventually } from "../support/eventually.js";
import { hasOpenSsh, startOpenSsh, type OpenSshServer } from "../support/openssh.js";

const linux = platform("linux");

function target(server: OpenSshServer, changes: Partial<Endpoint> = {}): Endpoint {
  return endpoint(server.port, server.hostKey, {
    platform: linux,
    account: { username: server.username, privateKey: server.privateKey },
    ...changes,
  });
}

describe.skipIf(!hasOpenSsh())("a Linux host behind OpenSSH (needs openssh-server)", () => {
  let server: OpenSshServer;
  let sessions: SessionPool;
  let session: Session;

  beforeAll(async () => {
    server = await startOpenSsh();
    sessions = pool();
    session = await sessions.checkout(target(server));
  });
  afterAll(async () => {
    await sessions?.close();
    await server?.stop();
  });

  test("gives the exact bytes and the exit status of a command", async () => {
    const command = "printf 'a\\tb\\r\\n\\033[1mc\\n\\n'; printf 'no line end'; exit 3";
    const local = execFileSync("sh", ["-c", `${command.replace("exit 3", "true")}`]).toString();
    const result = await run(session, command);
    expect(result.output).toBe(local);
    expect(result).toMatchObject({ status: "rejected", exitStatus: 3, truncated: false });
  });

  test("delivers standard error too, and names it when the command fails", async () => {
    const result = await run(session, "echo out; echo err >&2; false");
    expect(result.output.split("\n").sort()).toEqual(["", "err", "out"]);
    expect(result.errorLines).toEqual(["err"]);
    expect((await run(session, "echo fine >&2")).errorLines).toEqual([]);
  });

  test("a command that is killed has a signal in place of an exit status", async () => {
    const result = await run(session, "kill -9 $$");
    expect(result).toMatchObject({ status: "rejected", signal: "SIGKILL", errorLines: ["killed by SIGKILL"] });
    expect(result).not.toHaveProperty("exitStatus");
  });

  test("delivers 10 MB completely and in order", async () => {
    const lines = 1_400_000;
    const result = await run(session, `seq ${lines}`);
    expect(result.output.length).toBeGreaterThan(10_000_000);
    expect(result.output).toBe(execFileSync("seq", [String(lines)], { maxBuffer: 64 << 20 }).toString());
  });

  test("holds the host back while the consumer is busy", async () => {
    let busy = 0;
    let most = 0;
    let length = 0;
    await run(session, "seq 1000000", {
      onOutput: async (text) => {
        most = Math.max(most, ++busy);
        length += text.length;
        await new Promise((resolve) => setImmediate(resolve));
        busy--;
      },
    });
    expect(most).toBe(1);
    expect(length).toBe(6_888_896);
  });

  test("a consumer that fails interrupts the command with its own error", async () => {
    const failure = new Error("the consumer is full");
    const consumer = (): never => {
      throw failure;
    };
    await expect(run(session, "seq 10000000; sleep 60", { onOutput: consumer })).rejects.toBe(failure);
    expect((await run(session, "echo still here")).output).toBe("still here\n");
  });

  test("stops at exactly the output limit", async () => {
    let output = "";
    const onOutput = (text: string): void => void (output += text);
    await expect(run(session, "yes äö", { maxOutputBytes: 1001, onOutput })).rejects.toMatchObject({
      reason: "OUTPUT_TOO_LARGE",
    });
    expect(output).toBe("äö\n".repeat(200) + "");
    const cut = await run(session, "seq 1000", { maxOutputBytes: 10, overflow: "truncate" });
    expect(cut).toMatchObject({ output: "1\n2\n3\n4\n5\n", truncated: true, status: "ok" });
  });

  test("an idle and a total timeout end a command", async () => {
    await expect(run(session, "sleep 60", { idleTimeoutMs: 150 })).rejects.toMatchObject({ reason: "OUTPUT_TIMEOUT" });
    const chatter = "while :; do echo x; sleep 0.05; done";
    const again = await sessions.checkout(target(server));
    await expect(run(again, chatter, { totalTimeoutMs: 400 })).rejects.toMatchObject({
      reason: "EXECUTION_TIMEOUT",
    });
    sessions.discard(again);
  });

  test("a cancel ends the command and keeps the output so far, and the session goes on", async () => {
    const abort = new AbortController();
    let output = "";
    const onOutput = (text: string): void => {
      output += text;
      abort.abort();
    };
    const running = run(session, "echo begun; sleep 60", { onOutput, signal: abort.signal });
    await expect(running).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(output).toBe("begun\n");
    expect((await run(session, "echo next")).output).toBe("next\n");
  });

  test("answers a question of a command that reads its input", async () => {
    const result = await run(session, "printf 'Continue? '; read answer; echo got $answer", {
      answers: [{ question: "Continue?", answer: "yes" }],
    });
    expect(result.output).toBe("Continue? got yes\n");
    expect((await run(session, "cat")).output).toBe("");
  });

  test("refuses a mode it does not have", async () => {
    await expect(session.enterMode("enable")).rejects.toMatchObject({ reason: "UNSUPPORTED_BY_PLATFORM" });
  });

  test("a refused key is AUTHENTICATION_FAILED and is offered once", async () => {
    const other = await startOpenSsh();
    try {
      const account = { username: server.username, privateKey: other.privateKey };
      await expect(sessions.checkout(target(server, { account, accountKey: "other" }))).rejects.toMatchObject({
        reason: "AUTHENTICATION_FAILED",
        credentialOffered: true,
      });
      const garbage = { username: server.username, privateKey: "-----BEGIN nonsense" };
      const failed = await sessions.checkout(target(server, { account: garbage })).catch((error: unknown) => error);
      expect(failed).toMatchObject({ reason: "AUTHENTICATION_FAILED", credentialOffered: false });
      expect(String(failed)).not.toContain("nonsense");
    } finally {
      await other.stop();
    }
  });
});

describe.skipIf(!hasOpenSsh())("OpenSSH set up like odd devices (needs openssh-server)", () => {
  const sessions = pool();
  afterAll(() => sessions.close());

  test("10 MB over a real terminal come complete, with lines that look like the prompt", async () => {
    const dir = await mkdtemp(join(tmpdir(), "pointsman-cli-"));
    const script = join(dir, "cli.sh");
    // A command line interpreter on readline, as many devices have it. Its first lines tell that they come torn: only then
    // is a piece that ends exactly behind what looks like the prompt waited for.
    await writeFile(
      script,
      "while read -e -p 'r1# ' line; do case $line in exit) break;; *big*) seq -f 'line %.0f' 20000; seq -f 'r1# %.0f' 900000; printf 'r1# \\n';; esac; done\n",
    );
    const server = await startOpenSsh([`ForceCommand /bin/bash ${script}`]);
    try {
      const session = await sessions.checkout(target(server, { platform: platform("frr") }));
      const result = await run(session, "show big");
      expect(result.output.length).toBeGreaterThan(9_500_000);
      const lines = (form: string, count: string): string =>
        execFileSync("seq", ["-f", form, count], { maxBuffer: 64 << 20 }).toString();
      expect(result.output).toBe(`${lines("line %.0f", "20000")}${lines("r1# %.0f", "900000")}r1# \n`);
      expect((await run(session, "show small")).output).toBe("");
      sessions.discard(session);
    } finally {
      await server.stop();
      await rm(dir, { recursive: true });
    }
  });

  test("group exchange goes through the replacement that does not stall the event loop", async () => {
    const server = await startOpenSsh(["KexAlgorithms diffie-hellman-group-exchange-sha256"]);
    try {
      const before = groupExchangeCount();
      const aside = secretsDerivedAside();
      const session = await sessions.checkout(target(server));
      expect(groupExchangeCount()).toBe(before + 1);
      expect(secretsDerivedAside()).toBe(aside + 1);
      expect((await run(session, "echo hello")).output).toBe("hello\n");
      sessions.discard(session);
    } finally {
      await server.stop();
    }
  });

  test("rekeys forced in the middle of long output lose nothing", async () => {
    const server = await startOpenSsh(["RekeyLimit 64K 1s"]);
    try {
      const session = await sessions.checkout(target(server));
      const result = await run(session, "seq 500000");
      expect(result.output).toBe(execFileSync("seq", ["500000"], { maxBuffer: 64 << 20 }).toString());
      expect((await run(session, "echo after")).output).toBe("after\n");
      sessions.discard(session);
    } finally {
      await server.stop();
    }
  });

  test("a device with old algorithms only is reached by the default profile; modern says KEX_MISMATCH", async () => {
    const server = await startOpenSsh([
      "KexAlgorithms diffie-hellman-group14-sha1",
      "HostKeyAlgorithms ssh-rsa",
      "Ciphers aes128-cbc",
      "MACs hmac-sha1",
    ]);
    try {
      const anyKey = { hostKeys: { mode: "accept-new", known: [] } } as const;
      const session = await sessions.checkout(target(server, anyKey));
      expect(session.hostKey.type).toBe("ssh-rsa");
      sessions.discard(session);
      await expect(sessions.checkout(target(server, { ...anyKey, cryptoProfile: "modern" }))).rejects.toMatchObject({
        reason: "KEX_MISMATCH",
      });
    } finally {
      await server.stop();
    }
  });

  test("a host that opens no more channels is SESSION_LIMIT", async () => {
    const server = await startOpenSsh(["MaxSessions 0"]);
    try {
      const session = await sessions.checkout(target(server));
      await expect(run(session, "true")).rejects.toMatchObject({ reason: "SESSION_LIMIT" });
      sessions.discard(session);
    } finally {
      await server.stop();
    }
  });

  test("a host that takes no more connections is CONNECT_RATE_LIMITED, with its words", async () => {
    const server = await startOpenSsh(["MaxStartups 1:100:1", "LoginGraceTime 120"]);
    // The place may still be taken by the connection that found out whether the server is up.
    const holder = await eventually(async () => {
      const socket = connect(server.port, "127.0.0.1");
      const [greeting] = (await once(socket, "data")) as [Buffer];
      if (greeting.toString().startsWith("SSH-")) return socket;
      socket.destroy();
      throw new Error("no place yet");
    });
    try {
      const error: unknown = await sessions.checkout(target(server)).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(DeviceError);
      expect(error).toMatchObject({ reason: "CONNECT_RATE_LIMITED", deviceMessage: "Exceeded MaxStartups" });
    } finally {
      holder.destroy();
      await server.stop();
    }
  });
});
