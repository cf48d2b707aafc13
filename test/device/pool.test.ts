import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/domain/clock.js";
import { DeviceError, type Endpoint, type SessionPoolOptions, type Transport } from "../../src/device/index.js";
import { createTurnstile } from "../../src/domain/turnstile.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { eventually } from "../support/eventually.js";
import { startScriptedDevice, type ScriptedDevice } from "../support/scripted-device.js";

/** Time that passes only by `pass`. */
function createManualClock(): Clock & { pass(ms: number): void } {
  let now = 0;
  let timers: { readonly at: number; readonly run: () => void }[] = [];
  return {
    now: () => now,
    monotonic: () => now,
    sleep: () => Promise.reject(new Error("nobody sleeps here")),
    timer(ms, callback) {
      const timer = { at: now + ms, run: callback };
      timers.push(timer);
      return () => (timers = timers.filter((one) => one !== timer));
    },
    pass(ms) {
      now += ms;
      const due = timers.filter((timer) => timer.at <= now);
      timers = timers.filter((timer) => timer.at > now);
      for (const timer of due) timer.run();
    },
  };
}

/** A pool over connections without any device behind them; each waits for `admit`. */
function fakePool(options: Partial<SessionPoolOptions> = {}, admitted = true) {
  const clock = createManualClock();
  const waiting: (() => void)[] = [];
  const open: { readonly port: number; lose(): void }[] = [];
  let connects = 0;
  const sessions = pool({
    clock,
    connect: async (target) => {
      connects++;
      if (!admitted) await new Promise<void>((resolve) => waiting.push(resolve));
      return fakeTransport(target.port, open);
    },
    ...options,
  });
  return { clock, sessions, waiting, open, connects: () => connects };
}

function fakeTransport(port: number, open: { readonly port: number; lose(): void }[]): Transport {
  let closed = false;
  const listeners: ((error: DeviceError) => void)[] = [];
  const one = {
    port,
    lose() {
      if (closed) return;
      closed = true;
      open.splice(open.indexOf(one), 1);
      for (const listener of listeners) listener(new DeviceError("DISCONNECTED", "lost"));
    },
  };
  open.push(one);
  return {
    hostKey: { type: "t", fingerprint: "f", line: "t f" },
    hostKeyIsNew: false,
    remoteVersion: "fake",
    connectMs: 1,
    authMs: 1,
    get closed() {
      return closed;
    },
    openShell: () => Promise.reject(new Error("no terminals here")),
    exec: () => Promise.reject(new DeviceError("DISCONNECTED", "lost")),
    onClose: (listener) => void listeners.push(listener),
    close() {
      one.lose();
      return Promise.resolve();
    },
  };
}

const host = (port: number, changes: Partial<Endpoint> = {}): Endpoint =>
  endpoint(port, "t f", { platform: platform("linux"), ...changes });

describe("a pool of sessions", () => {
  test("gives a session back for the same device, account and credential version only", async () => {
    const { sessions, connects } = fakePool();
    const first = await sessions.checkout(host(1));
    expect(first.reused).toBe(false);
    sessions.checkin(first);
    const second = await sessions.checkout(host(1));
    expect(second).toBe(first);
    expect(second.reused).toBe(true);
    sessions.checkin(second);
    for (const other of [
      host(2),
      host(1, { accountKey: "2" }),
      host(1, { account: { username: "b", password: "secret" } }),
    ]) {
      const session = await sessions.checkout(other);
      expect(session.reused).toBe(false);
      sessions.checkin(session);
    }
    expect(connects()).toBe(4);
    expect(sessions).toMatchObject({ size: 4, idle: 4 });
    await sessions.close();
  });

  test("gives no session back whose device shows a key that is not accepted any more", async () => {
    const { sessions, open } = fakePool();
    const knowing = (mode: "strict" | "accept-new", ...known: string[]) => host(1, { hostKeys: { mode, known } });
    const first = await sessions.checkout(host(1));
    for (const now of [knowing("strict", "t f a comment"), knowing("strict", "t g", "t f"), knowing("accept-new")]) {
      sessions.checkin(first);
      expect(await sessions.checkout(now)).toBe(first);
    }
    for (const now of [knowing("strict", "t g"), knowing("strict"), knowing("accept-new", "t g")]) {
      const warm = await sessions.checkout(host(1));
      sessions.checkin(warm);
      const fresh = await sessions.checkout(now);
      expect([fresh.reused, fresh === warm, open.length]).toEqual([false, false, 2]);
      sessions.discard(fresh);
    }
    await sessions.close();
  });

  test("gives no session back on whose way a key of a bastion does not count any more", async () => {
    const { sessions } = fakePool();
    const behind = (...known: string[]) => host(1, { bastions: [{ ...host(9), hostKeys: { mode: "strict", known } }] });
    const first = await sessions.checkout(behind("t a"));
    sessions.checkin(first);
    expect(await sessions.checkout(behind("t a", "t b"))).toBe(first);
    sessions.checkin(first);
    const second = await sessions.checkout(behind("t b"));
    expect([second.reused, second === first, sessions.size]).toEqual([false, false, 1]);
    await sessions.close();
  });

  test("gives no session back on whose way a bastion's key was accepted, and is another one by now", async () => {
    const bastionKey = { type: "t", fingerprint: "b", line: "t b" };
    const behind = (mode: "strict" | "accept-new", ...known: string[]) =>
      host(1, {
        bastions: [host(8, { hostKeys: { mode: "strict", known: ["t a"] } }), host(9, { hostKeys: { mode, known } })],
      });
    const sessions = pool({
      clock: createManualClock(),
      connect: ({ port, bastions = [] }) =>
        Promise.resolve({
          ...fakeTransport(port, []),
          newBastionKeys: [{ before: bastions.slice(0, 1), bastion: bastions[1]!, key: bastionKey }],
        }),
    });
    const first = await sessions.checkout(behind("accept-new"));
    for (const now of [behind("accept-new"), behind("accept-new", "t b"), behind("strict", "t c", "t b a comment")]) {
      sessions.checkin(first);
      expect(await sessions.checkout(now)).toBe(first);
    }
    for (const now of [behind("accept-new", "t c"), behind("strict", "t c"), behind("strict")]) {
      const warm = await sessions.checkout(behind("accept-new"));
      sessions.checkin(warm);
      const fresh = await sessions.checkout(now);
      expect([fresh.reused, fresh === warm]).toEqual([false, false]);
      sessions.discard(fresh);
    }
    await sessions.close();
  });

  test("never gives one session to two, and a fresh one to who asks for it", async () => {
    const { sessions } = fakePool();
    const first = await sessions.checkout(host(1));
    const second = await sessions.checkout(host(1));
    expect(second).not.toBe(first);
    sessions.checkin(first);
    sessions.checkin(first);
    const fresh = await sessions.checkout(host(1), { fresh: true });
    expect(fresh).not.toBe(first);
    expect(sessions.idle).toBe(1);
    await sessions.close();
    expect(sessions.size).toBe(0);
    await expect(sessions.checkout(host(1))).rejects.toMatchObject({ reason: "CANCELLED" });
  });

  test("leaves lines of a device for people: what is idle there makes room, what works does not", async () => {
    const { sessions, open } = fakePool();
    const limits = { maxSessions: 2 };
    const as = (accountKey: string) => sessions.checkout(host(1, { accountKey, limits }));
    sessions.checkin(await as("reads"));
    const second = await as("changes");
    const third = await as("own");
    expect(open).toHaveLength(2);
    await expect(as("one more")).rejects.toMatchObject({ reason: "SESSION_LIMIT" });
    sessions.checkin(second);
    sessions.checkin(await as("one more"));
    expect(open).toHaveLength(2);
    sessions.checkin(third);
    await sessions.close();
  });

  test("closes what is idle too long, too old, or lost, and says so", async () => {
    const closed: number[] = [];
    const { sessions, clock, open } = fakePool({
      idleMs: 1_000,
      maxAgeMs: 10_000,
      trustMs: 100_000,
      onIdleClose: ({ port }) => closed.push(port),
    });
    sessions.checkin(await sessions.checkout(host(1)));
    clock.pass(999);
    expect(open).toHaveLength(1);
    clock.pass(1);
    expect(open).toHaveLength(0);

    const old = await sessions.checkout(host(2));
    clock.pass(10_000);
    sessions.checkin(old);
    expect(open).toHaveLength(0);

    sessions.checkin(await sessions.checkout(host(3)));
    open[0]?.lose();
    expect(sessions.size).toBe(0);
    expect((await sessions.checkout(host(3))).reused).toBe(false);
    expect(closed).toEqual([1, 3]);
    await sessions.close();
  });

  test("a session in doubt is not given to anybody else", async () => {
    const { sessions, open } = fakePool();
    const session = await sessions.checkout(host(1));
    await expect(run(session, "true")).rejects.toMatchObject({ reason: "DISCONNECTED" });
    sessions.checkin(session);
    expect(open).toHaveLength(0);
    expect(sessions.size).toBe(0);
  });

  test("makes room by closing the session idle longest, and is SESSION_LIMIT when all are in use", async () => {
    const { sessions, open, clock } = fakePool({ maxSessions: 2 });
    const [first, second] = [await sessions.checkout(host(1)), await sessions.checkout(host(2))];
    await expect(sessions.checkout(host(3))).rejects.toMatchObject({ reason: "SESSION_LIMIT" });
    sessions.checkin(second);
    clock.pass(1);
    sessions.checkin(first);
    await sessions.checkout(host(3));
    expect(open.map(({ port }) => port)).toEqual([1, 3]);
    await sessions.close();
  });

  test("sets up at most so many connections at once, in order; who leaves the line takes no place", async () => {
    const { sessions, waiting, connects } = fakePool({ handshakes: createTurnstile(2) }, false);
    const abort = new AbortController();
    const checkouts = [1, 2, 3, 4].map((port) =>
      sessions.checkout(host(port), port === 3 ? { signal: abort.signal } : {}),
    );
    await eventually(() => expect(connects()).toBe(2));
    expect(sessions.size).toBe(4);
    abort.abort();
    await expect(checkouts[2]).rejects.toMatchObject({ reason: "CANCELLED" });
    waiting.shift()?.();
    await checkouts[0];
    await eventually(() => expect(connects()).toBe(3));
    for (const go of waiting) go();
    await Promise.all([checkouts[1], checkouts[3]]);
    expect(sessions.size).toBe(3);
    await sessions.close();
  });

  test("closes idle sessions by what they are for", async () => {
    const { sessions, open } = fakePool();
    const both = [await sessions.checkout(host(1)), await sessions.checkout(host(2))];
    for (const session of both) sessions.checkin(session);
    await sessions.checkout(host(2), { fresh: true });
    await sessions.closeIdle(({ port }) => port === 2);
    expect(open.map(({ port }) => port)).toEqual([1, 2]);
    await sessions.close();
  });
});

describe("a session that is retired", () => {
  test("is closed at once when it waits for work, and behind its user when it has one", async () => {
    const { sessions, open } = fakePool();
    const idle = await sessions.checkout(host(1));
    const busy = await sessions.checkout(host(2));
    sessions.checkin(idle);
    const numbers = [...sessions.sessions()].map(({ number }) => number);
    expect([...sessions.sessions()].map(({ busy, uses }) => [busy, uses])).toEqual([
      [false, 1],
      [true, 1],
    ]);
    expect(await sessions.retire(numbers[0]!)).toBe(true);
    expect(open.map(({ port }) => port)).toEqual([2]);
    expect(await sessions.retire(numbers[1]!)).toBe(false);
    expect(open.map(({ port }) => port)).toEqual([2]);
    sessions.checkin(busy);
    expect(await sessions.retire(numbers[1]!)).toBe(true);
    await eventually(() => expect(open).toEqual([]));
    await sessions.close();
  });
});

test("a turnstile passes a freed place on, once", async () => {
  const turnstile = createTurnstile(1);
  const leave = await turnstile.enter();
  const order: string[] = [];
  const second = turnstile.enter().then((go) => (order.push("second"), go));
  const third = turnstile.enter().then((go) => (order.push("third"), go));
  leave();
  leave();
  const leaveSecond = await second;
  expect(order).toEqual(["second"]);
  leaveSecond();
  await third;
  expect(order).toEqual(["second", "third"]);
});

describe("a warm session on a device", () => {
  async function device(
    onLine: (line: string, count: number) => string,
  ): Promise<ScriptedDevice & { readonly lines: string[] }> {
    const lines: string[] = [];
    const one = await startScriptedDevice({
      shell: async (shell) => {
        shell.write("R1>");
        for (;;) {
          const line = await shell.line();
          lines.push(line);
          if (line === "exit") return;
          shell.write(onLine(line, lines.length));
        }
      },
    });
    return Object.assign(one, { lines });
  }

  test("is asked for a fresh prompt before it is used again, and says goodbye at the end", async () => {
    const one = await device(() => "R1>");
    const sessions = pool({ trustMs: -1 });
    sessions.checkin(await sessions.checkout(endpoint(one.port, one.hostKey)));
    const again = await sessions.checkout(endpoint(one.port, one.hostKey));
    expect(again.reused).toBe(true);
    await run(again, "show clock");
    sessions.checkin(again);
    await sessions.close();
    await eventually(() =>
      expect(one.lines).toEqual(["terminal length 0", "terminal width 511", "", "show clock", "exit"]),
    );
    expect(one.connections).toBe(1);
    await one.stop();
  });

  test("is cut off without a goodbye when nothing may be written to its device any more", async () => {
    const one = await device(() => "R1>");
    const asked: string[] = [];
    const sessions = pool({
      beforeFarewell: ({ address }) => {
        asked.push(address);
        throw new Error("the lease is over");
      },
    });
    const session = await sessions.checkout(endpoint(one.port, one.hostKey));
    await run(session, "show clock");
    sessions.checkin(session);
    expect(sessions.idle).toBe(1);
    await sessions.closeIdle(() => true);
    expect(asked).toEqual(["127.0.0.1"]);
    expect(one.lines).toEqual(["terminal length 0", "terminal width 511", "show clock"]);
    await one.stop();
  });

  test("costs one line per command when it was at its prompt a moment ago", async () => {
    const one = await device(() => "R1>");
    const sessions = pool({ trustMs: 60_000 });
    sessions.checkin(await sessions.checkout(endpoint(one.port, one.hostKey)));
    const again = await sessions.checkout(endpoint(one.port, one.hostKey));
    await run(again, "show clock");
    expect(one.lines).toEqual(["terminal length 0", "terminal width 511", "show clock"]);
    await sessions.close();
    await one.stop();
  });

  test("is replaced by a new one when it does not answer with its prompt", async () => {
    const one = await device((line, count) => (line === "" && count === 3 ? "Are you sure? [confirm]" : "R1>"));
    const sessions = pool({ trustMs: -1 });
    sessions.checkin(await sessions.checkout(endpoint(one.port, one.hostKey)));
    const again = await sessions.checkout(endpoint(one.port, one.hostKey));
    expect(again.reused).toBe(false);
    expect(one.connections).toBe(2);
    await sessions.close();
    await one.stop();
  });

  test("log messages behind the prompt get neither into this output nor into the next", async () => {
    const log = "\r\n*Mar  1 00:00:01.000: %SYS-5-CONFIG_I: Configured from console\r\n";
    const one = await device((line) => (line === "show a" ? `a\r\nR1>${log}` : line === "show b" ? "b\r\nR1>" : "R1>"));
    const sessions = pool({ trustMs: 60_000 });
    const session = await sessions.checkout(endpoint(one.port, one.hostKey));
    expect((await run(session, "show a")).output).toBe("a\n");
    sessions.checkin(session);
    const again = await sessions.checkout(endpoint(one.port, one.hostKey));
    expect(again.reused).toBe(true);
    expect((await run(again, "show b")).output).toBe("b\n");
    await sessions.close();
    await one.stop();
  });

  test("is given on without what the last user saw of the device", async () => {
    const answers: Record<string, string> = { "show secrets": "for your eyes only\r\nR1>", hang: "" };
    const one = await device((line) => answers[line] ?? "R1>");
    const sessions = pool({ trustMs: 60_000 });
    const session = await sessions.checkout(endpoint(one.port, one.hostKey));
    expect((await run(session, "show secrets")).output).toBe("for your eyes only\n");
    sessions.checkin(session);
    const again = await sessions.checkout(endpoint(one.port, one.hostKey));
    expect(again.reused).toBe(true);
    const { tail } = await run(again, "hang", { idleTimeoutMs: 2_000 }).then(
      () => expect.fail("nothing was answered"),
      (error: DeviceError) => error,
    );
    expect(tail).toContain("hang");
    expect(tail).not.toContain("for your eyes only");
    await sessions.close();
    await one.stop();
  });
});
