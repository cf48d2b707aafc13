import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import type { Channel, ChannelListener, Transport } from "../../src/device/transport.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { createDoor } from "../support/door.js";
import { hasDropbear, startDropbear } from "../support/dropbear.js";
import { eventually } from "../support/eventually.js";

/** A connection whose commands never answer; notes everything that is written on their channels. */
function silentTransport(written: string[]) {
  let listener: ChannelListener | undefined;
  const note = (what: string) => (): void => void written.push(what);
  const channel: Channel = {
    listen: (one) => void (listener = one),
    write: (data) => void written.push(data),
    signal: (name) => void written.push(name),
    ...{ sendEof: note("eof"), close: note("close"), pause: () => undefined, resume: () => undefined },
  };
  const transport: Transport = {
    hostKey: { type: "t", line: "t k", fingerprint: "f" },
    ...{ hostKeyIsNew: false, remoteVersion: "", connectMs: 0, authMs: 0, closed: false },
    openShell: () => Promise.reject(new Error("no terminal here")),
    exec: (command) => {
      written.push(command);
      return Promise.resolve(channel);
    },
    onClose: () => undefined,
    close: () => Promise.resolve(),
  };
  return { transport, listening: () => listener !== undefined };
}

test.each([true, false])("a command that is stopped is told so only while writing is allowed: %s", async (allowed) => {
  const written: string[] = [];
  const { transport, listening } = silentTransport(written);
  const sessions = pool({ connect: () => Promise.resolve(transport) });
  const session = await sessions.checkout(endpoint(22, "t k", { platform: platform("linux") }));
  const lost = new Error("the lease is over");
  let isLost = false;
  const stop = new AbortController();
  const running = run(session, "sleep 100", {
    signal: stop.signal,
    idleTimeoutMs: 60_000,
    beforeWrite: () => {
      if (isLost) throw lost;
    },
  }).catch((error: unknown) => error);
  while (!listening()) await new Promise((resolve) => setImmediate(resolve));
  isLost = !allowed;
  stop.abort();
  const error = await running;
  if (allowed) {
    expect(error).toMatchObject({ reason: "CANCELLED" });
    expect(written).toEqual(["sleep 100", "eof", "INT", "TERM", "close"]);
  } else {
    expect(error).toBe(lost);
    expect(written).toEqual(["sleep 100", "eof", "close"]);
  }
  await sessions.close();
});

test("the end of the input is not sent when the lease was lost while the channel was opened", async () => {
  const written: string[] = [];
  const { transport } = silentTransport(written);
  const sessions = pool({ connect: () => Promise.resolve(transport) });
  const session = await sessions.checkout(endpoint(22, "t k", { platform: platform("linux") }));
  const lost = new Error("the lease is over");
  let asked = 0;
  const beforeWrite = (): void => {
    if (asked++ > 0) throw lost;
  };
  await expect(run(session, "sleep 100", { beforeWrite })).rejects.toBe(lost);
  expect(written).toEqual(["sleep 100", "close"]);
  await sessions.close();
});

test.each(["time", "a stop"])(
  "a command whose channel never opens ends by %s, and its connection with it",
  async (by) => {
    const closed = createDoor();
    const silent = silentTransport([]).transport;
    const close = (): Promise<void> => (closed.open(), Promise.resolve());
    const transport = { ...silent, close, exec: () => new Promise<Channel>(() => undefined) };
    const sessions = pool({ connect: () => Promise.resolve(transport) });
    const session = await sessions.checkout(endpoint(22, "t k", { platform: platform("linux") }));
    const stop = new AbortController();
    const bounds = by === "time" ? { idleTimeoutMs: 10 } : { signal: stop.signal };
    const running = run(session, "reboot", bounds).catch((error: unknown) => error);
    if (by !== "time") stop.abort();
    expect(await running).toMatchObject({ reason: by === "time" ? "OUTPUT_TIMEOUT" : "CANCELLED" });
    await closed.opened;
    expect(sessions.size).toBe(1);
    sessions.checkin(session);
    expect(sessions.size).toBe(0);
  },
);

test("a terminal that never opens is PROMPT_NOT_FOUND when the login has taken its time", async () => {
  const transport = { ...silentTransport([]).transport, openShell: () => new Promise<Channel>(() => undefined) };
  const sessions = pool({ connect: () => Promise.resolve(transport) });
  await expect(sessions.checkout(endpoint(22, "t k", { loginTimeoutMs: 10 }))).rejects.toMatchObject({
    reason: "PROMPT_NOT_FOUND",
  });
  const stop = new AbortController();
  const waiting = sessions.checkout(endpoint(22, "t k"), { signal: stop.signal });
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ reason: "CANCELLED" });
});

test.skipIf(!hasDropbear())("what ignores Ctrl-C does not outlive a cancel (needs dropbear-bin)", async () => {
  const server = await startDropbear();
  const sessions = pool();
  const account = { username: server.username, privateKey: server.privateKey };
  const hostKeys = { mode: "accept-new", known: [] } as const;
  const session = await sessions.checkout(
    endpoint(server.port, "", { platform: platform("linux"), account, hostKeys }),
  );
  const stop = new AbortController();
  let output = "";
  const running = run(session, "trap '' INT; echo $$; while sleep 0.1; do :; done", {
    signal: stop.signal,
    onOutput: (text) => {
      output += text;
      if (output.endsWith("\n")) stop.abort();
    },
  });
  await expect(running).rejects.toMatchObject({ reason: "CANCELLED" });
  const isThere = (): boolean => existsSync(`/proc/${Number(output)}`);
  try {
    await eventually(() => expect(isThere()).toBe(false));
  } finally {
    if (isThere()) process.kill(Number(output));
    await sessions.close();
    await server.stop();
  }
});
