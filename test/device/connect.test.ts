import { createServer, type AddressInfo, type Server as NetServer, type Socket } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { DeviceError, type Endpoint, type SessionPool } from "../../src/device/index.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { freePort } from "../support/free-port.js";
import { startScriptedDevice, type ScriptedDeviceOptions, type ScriptedShell } from "../support/scripted-device.js";

/** A plain IOS-like command line: echoes, and answers every line with `answer`. */
function ios(answer: (line: string, shell: ScriptedShell) => string | Promise<string> = () => "") {
  return async (shell: ScriptedShell): Promise<void> => {
    shell.write("\r\nR1>");
    for (;;) {
      const line = await shell.line();
      if (line === "exit") return;
      shell.write(line === "\x03" ? "\r\nR1>" : `${await answer(line, shell)}R1>`);
    }
  };
}

const sessions: SessionPool = pool();
afterAll(() => sessions.close());

async function failure(target: Endpoint): Promise<DeviceError> {
  const error: unknown = await sessions.checkout(target).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof DeviceError)) throw new Error(`expected a DeviceError, got ${String(error)}`);
  return error;
}

async function listening(onSocket: (socket: Socket) => void): Promise<{ port: number; server: NetServer }> {
  const server = createServer(onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

describe("a device that cannot be reached", () => {
  test("a closed port is CONNECTION_REFUSED", async () => {
    expect((await failure(endpoint(await freePort(), "ssh-rsa AAAAB3NzaC1yc2E="))).reason).toBe("CONNECTION_REFUSED");
  });

  test("a host that never answers is DEVICE_UNREACHABLE at the connect timeout", async () => {
    const sockets: Socket[] = [];
    const { port, server } = await listening((socket) => sockets.push(socket));
    const error = await failure(endpoint(port, "ssh-rsa AAAAB3NzaC1yc2E=", { connectTimeoutMs: 2_000 }));
    expect(error).toMatchObject({ reason: "DEVICE_UNREACHABLE", credentialOffered: false });
    expect(error.message).toContain("identification");
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test("a name that does not exist is DEVICE_UNREACHABLE", async () => {
    const error = await failure(endpoint(22, "ssh-rsa AAAAB3NzaC1yc2E=", { address: "no-such-host.invalid" }));
    expect(error.reason).toBe("DEVICE_UNREACHABLE");
  });

  test("a device that hangs up with a word is CONNECT_RATE_LIMITED and keeps the word", async () => {
    const { port, server } = await listening((socket) => socket.end("% Connection limit reached\r\n"));
    expect(await failure(endpoint(port, "ssh-rsa AAAAB3NzaC1yc2E="))).toMatchObject({
      reason: "CONNECT_RATE_LIMITED",
      deviceMessage: "% Connection limit reached",
    });
    server.close();
  });

  test("a cancel stops the connecting", async () => {
    const { port, server } = await listening(() => undefined);
    const abort = new AbortController();
    const checkout = sessions.checkout(endpoint(port, "ssh-rsa AAAAB3NzaC1yc2E="), { signal: abort.signal });
    abort.abort();
    await expect(checkout).rejects.toMatchObject({ reason: "CANCELLED" });
    server.close();
  });
});

describe("the host key", () => {
  test("strict and nothing known: HOST_KEY_UNKNOWN with the fingerprint, and no login is tried", async () => {
    const device = await startScriptedDevice({ shell: ios() });
    const error = await failure(endpoint(device.port, "", { hostKeys: { mode: "strict", known: [] } }));
    expect(error).toMatchObject({ reason: "HOST_KEY_UNKNOWN", hostKey: { type: "ssh-rsa", line: device.hostKey } });
    expect(error.hostKey?.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    expect(device.attempts).toEqual([]);
    await device.stop();
  });

  test.each(["strict", "accept-new"] as const)(
    "another key than the known one is HOST_KEY_CHANGED in mode %s, and no login is tried",
    async (mode) => {
      const port = await freePort();
      const first = await startScriptedDevice({ shell: ios() }, { freshKey: true, port });
      await first.stop();
      const second = await startScriptedDevice({ shell: ios() }, { freshKey: true, port });
      const error = await failure(endpoint(port, "", { hostKeys: { mode, known: [first.hostKey] } }));
      expect(error).toMatchObject({ reason: "HOST_KEY_CHANGED", hostKey: { line: second.hostKey } });
      expect(second.attempts).toEqual([]);
      await second.stop();
    },
  );

  test("accept-new takes and reports the first key, and only then", async () => {
    const device = await startScriptedDevice({ shell: ios() });
    const seen: string[] = [];
    const own = pool({ onHostKey: (_endpoint, key) => (seen.push(key.line), Promise.resolve([key.line])) });
    own.discard(await own.checkout(endpoint(device.port, "", { hostKeys: { mode: "accept-new", known: [] } })));
    own.discard(
      await own.checkout(endpoint(device.port, "", { hostKeys: { mode: "accept-new", known: [device.hostKey] } })),
    );
    expect(seen).toEqual([device.hostKey]);
    await own.close();
    await device.stop();
  });
});

describe("the login", () => {
  async function attempt(options: ScriptedDeviceOptions, changes: Partial<Endpoint> = {}) {
    const device = await startScriptedDevice({ shell: ios(), ...options });
    const error = await sessions
      .checkout(endpoint(device.port, device.hostKey, { loginTimeoutMs: 60_000, ...changes }))
      .then(
        (session) => {
          sessions.discard(session);
          return undefined;
        },
        (caught: unknown) => caught as DeviceError,
      );
    await device.stop();
    return { error, attempts: device.attempts };
  }

  test("a wrong password is AUTHENTICATION_FAILED, offered once, and never in the error", async () => {
    const { error, attempts } = await attempt(
      { banner: "Keep out\n" },
      { account: { username: "admin", password: "wr0ng-pass" } },
    );
    expect(error).toMatchObject({
      reason: "AUTHENTICATION_FAILED",
      credentialOffered: true,
      deviceMessage: "Keep out",
    });
    expect(attempts).toEqual(["none", "password"]);
    expect(JSON.stringify([error?.message, error?.deviceMessage, error?.tail, String(error?.cause)])).not.toContain(
      "wr0ng-pass",
    );
  });

  test("a password is also the answer to one password question, but not both", async () => {
    const { error, attempts } = await attempt({
      authenticate(context) {
        if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"]);
        context.prompt([{ prompt: "Password: ", echo: false }], (answers) =>
          answers[0] === "secret" ? context.accept() : context.reject(["keyboard-interactive", "password"]),
        );
      },
    });
    expect(error).toBeUndefined();
    expect(attempts).toEqual(["none", "keyboard-interactive"]);
    const refused = await attempt({ authenticate: (context) => context.reject(["password", "keyboard-interactive"]) });
    expect(refused.attempts).toEqual(["none", "password"]);
  });

  test.each([
    ["a second factor", [{ prompt: "One-time code: ", echo: false }]],
    [
      "several questions",
      [
        { prompt: "Password: ", echo: false },
        { prompt: "Token: ", echo: false },
      ],
    ],
  ])("%s is not answered with the password", async (_name, prompts) => {
    const answered: string[][] = [];
    const { error } = await attempt({
      authenticate(context) {
        if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"]);
        context.prompt(prompts, (answers) => void answered.push(answers));
      },
    });
    expect(error?.reason).toBe("AUTHENTICATION_FAILED");
    expect(error?.message).toContain(prompts[0]?.prompt.trim());
    expect(answered).toEqual([]);
  });

  test("a login that is refused without a question is not begun again", async () => {
    const { error, attempts } = await attempt({ authenticate: (it) => it.reject(["keyboard-interactive"]) });
    expect(error).toMatchObject({ reason: "AUTHENTICATION_FAILED", credentialOffered: true });
    expect(attempts).toEqual(["none", "keyboard-interactive"]);
  });

  test("a device without a prompt is PROMPT_NOT_FOUND with what it said", async () => {
    const shell = async (one: ScriptedShell): Promise<void> => {
      one.write("System is initialising\r\n");
      await one.key();
      await one.key();
    };
    const { error } = await attempt({ shell }, { loginTimeoutMs: 2_000 });
    expect(error).toMatchObject({ reason: "PROMPT_NOT_FOUND", expected: "a prompt of cisco_ios" });
    expect(error?.tail).toContain("System is initialising");
  });

  test("a device that opens no terminal is SESSION_LIMIT", async () => {
    expect((await attempt({ shell: ios(), maxShells: 0 })).error?.reason).toBe("SESSION_LIMIT");
  });

  test("a login inside the session is answered, and refused when the device asks again", async () => {
    const login =
      (accept: boolean) =>
      async (shell: ScriptedShell): Promise<void> => {
        shell.write("\r\nUser Access Verification\r\n\r\nUsername: ");
        expect(await shell.line()).toBe("admin");
        shell.write("Password: ");
        expect(await shell.line({ echo: false })).toBe("secret");
        if (accept) return ios()(shell);
        shell.write("% Login invalid\r\n\r\nUsername: ");
        await shell.key();
      };
    expect((await attempt({ shell: login(true) })).error).toBeUndefined();
    expect((await attempt({ shell: login(false) })).error?.reason).toBe("AUTHENTICATION_FAILED");
  });
});

describe("a command on a device", () => {
  async function onDevice(
    answer: (line: string, shell: ScriptedShell) => string | Promise<string>,
    work: (session: Awaited<ReturnType<SessionPool["checkout"]>>, typed: () => string) => Promise<void>,
  ): Promise<void> {
    const device = await startScriptedDevice({ shell: ios(answer) });
    const session = await sessions.checkout(endpoint(device.port, device.hostKey));
    try {
      await work(session, () => device.typed);
    } finally {
      sessions.discard(session);
      await device.stop();
    }
  }

  test("an unknown question is answered with Ctrl-C and reported with its text", () =>
    onDevice(
      async (line, shell) => {
        if (line !== "reload") return "";
        shell.write("System configuration has been modified.\r\nProceed with reload? [confirm]");
        expect(await shell.key()).toBe("\x03");
        return "\r\n";
      },
      async (session) => {
        await expect(run(session, "reload")).rejects.toMatchObject({
          reason: "UNEXPECTED_QUESTION",
          deviceMessage: "Proceed with reload? [confirm]",
          mode: "exec",
        });
        expect((await run(session, "show clock")).status).toBe("ok");
      },
    ));

  test("a hidden answer is typed, and is neither in the output nor in a transcript", () =>
    onDevice(
      async (line, shell) => {
        if (line !== "copy") return "";
        shell.write("Key phrase: ");
        const answer = await shell.line({ echo: false });
        return `got ${answer.length} characters\r\n`;
      },
      async (session) => {
        const answers = [{ question: "Key phrase:", answer: "hunter22", hidden: true }];
        expect((await run(session, "copy", { answers })).output).toBe("Key phrase: \ngot 8 characters\n");
      },
    ));

  test("a cancel sends Ctrl-C and the session goes on; without a prompt after it, the session is closed", async () => {
    const busy = async (line: string, shell: ScriptedShell): Promise<string> => {
      if (!line.startsWith("ping")) return "";
      shell.write("Sending...\r\n");
      while ((await shell.key()) !== "\x03");
      return line === "ping deaf" ? new Promise<string>(() => undefined) : "^C\r\n";
    };
    await onDevice(busy, async (session) => {
      for (const command of ["ping", "ping deaf"]) {
        const abort = new AbortController();
        const running = run(session, command, { signal: abort.signal, onOutput: () => abort.abort() });
        await expect(running).rejects.toMatchObject({ reason: "CANCELLED" });
        if (command === "ping") expect((await run(session, "show clock")).status).toBe("ok");
        else await expect(run(session, "show clock")).rejects.toMatchObject({ reason: "DISCONNECTED" });
      }
    });
  });

  test("a guard is asked before every write; when it throws nothing more is typed and the session is closed", () =>
    onDevice(
      () => "",
      async (session, typed) => {
        let asked = 0;
        await run(session, "show one", { beforeWrite: () => void asked++ });
        expect(asked).toBe(1);
        const before = typed();
        const lost = new Error("the lease is over");
        const beforeWrite = (): never => {
          throw lost;
        };
        await expect(run(session, "show two", { beforeWrite })).rejects.toBe(lost);
        expect(typed()).toBe(before);
        sessions.checkin(session);
        expect(typed()).toBe(before);
        await expect(run(session, "show three")).rejects.toMatchObject({ reason: "DISCONNECTED" });
      },
    ));

  test("silence is OUTPUT_TIMEOUT with the tail, and output that never ends EXECUTION_TIMEOUT", () =>
    onDevice(
      async (line, shell) => {
        if (line === "show hang") shell.write("working\r\n");
        else if (line === "show drip") {
          const drip = setInterval(() => shell.write("x\r\n"), 10);
          shell.channel.once("close", () => clearInterval(drip));
          await shell.key().finally(() => clearInterval(drip));
          return "";
        } else return "";
        await shell.key();
        return "";
      },
      async (session) => {
        const error: unknown = await run(session, "show hang", { idleTimeoutMs: 2_000 }).catch(
          (caught: unknown) => caught,
        );
        expect(error).toMatchObject({ reason: "OUTPUT_TIMEOUT", expected: "a prompt of cisco_ios" });
        expect((error as DeviceError).tail).toContain("R1>show hang\nworking\n");
        await expect(run(session, "show drip", { totalTimeoutMs: 300 })).rejects.toMatchObject({
          reason: "EXECUTION_TIMEOUT",
        });
        expect((await run(session, "show clock")).status).toBe("ok");
      },
    ));

  test("a command of more than one line is refused before anything is typed", () =>
    onDevice(
      () => "",
      async (session, typed) => {
        const before = typed();
        await expect(run(session, "show clock\nreload")).rejects.toThrow(RangeError);
        await expect(run(session, "show clock\u0003")).rejects.toThrow(RangeError);
        expect(typed()).toBe(before);
      },
    ));

  test("two commands at once are an error of the caller, not of the device", () =>
    onDevice(
      () => "",
      async (session) => {
        const first = run(session, "show one");
        await expect(run(session, "show two")).rejects.toThrow("already at work");
        expect((await first).status).toBe("ok");
      },
    ));

  test("a connection that is cut is DISCONNECTED and what came before it was delivered", async () => {
    const device = await startScriptedDevice({
      shell: ios(async (line, shell) => {
        if (line !== "show cut") return "";
        shell.write("half of it\r\n");
        await shell.key();
        return "";
      }),
    });
    const session = await sessions.checkout(endpoint(device.port, device.hostKey));
    let output = "";
    const onOutput = (text: string): void => {
      output += text;
      device.drop();
    };
    await expect(run(session, "show cut", { onOutput })).rejects.toMatchObject({ reason: "DISCONNECTED" });
    expect(output).toBe("half of it\n");
    await device.stop();
  });
});

describe("a privileged mode", () => {
  async function enabling(secret: string, changes: Partial<Endpoint> = {}) {
    const device = await startScriptedDevice({
      shell: async (shell) => {
        let sign = ">";
        shell.write(`\r\nR1${sign}`);
        for (;;) {
          const line = await shell.line();
          if (line === "enable") {
            for (let tries = 0; tries < 3 && sign === ">"; tries++) {
              shell.write("Password: ");
              const typed = await shell.line({ echo: false });
              if (typed === "\x03") break;
              if (typed === secret) sign = "#";
            }
            if (sign === ">") shell.write("% Bad secrets\r\n\r\n");
          } else if (line === "disable") sign = ">";
          else if (line === "\x03") shell.write("\r\n");
          shell.write(`R1${sign}`);
        }
      },
    });
    const session = await sessions.checkout(endpoint(device.port, device.hostKey, changes));
    return { device, session };
  }

  test("is entered with the enable secret and left again", async () => {
    const { device, session } = await enabling("topsecret");
    expect(session.mode).toBe("exec");
    await session.enterMode("enable");
    expect(session.mode).toBe("enable");
    sessions.checkin(session);
    const again = await sessions.checkout(endpoint(device.port, device.hostKey));
    expect(again).toMatchObject({ reused: true, mode: "exec" });
    sessions.discard(again);
    await device.stop();
  });

  test("is PRIVILEGE_DENIED with a wrong secret, which is typed once", async () => {
    const { device, session } = await enabling("another");
    await expect(session.enterMode("enable")).rejects.toMatchObject({ reason: "PRIVILEGE_DENIED" });
    expect(device.typed.split("topsecret").length).toBe(2);
    sessions.discard(session);
    await device.stop();
  });

  test("is PRIVILEGE_DENIED when the credential has no secret for it", async () => {
    const { device, session } = await enabling("another", { account: { username: "admin", password: "secret" } });
    await expect(session.enterMode("enable")).rejects.toMatchObject({ reason: "PRIVILEGE_DENIED" });
    sessions.discard(session);
    await device.stop();
  });

  test("is UNSUPPORTED_BY_PLATFORM when no way leads there", async () => {
    const { device, session } = await enabling("another");
    await expect(session.enterMode("rootshell")).rejects.toMatchObject({ reason: "UNSUPPORTED_BY_PLATFORM" });
    expect(platform("cisco_ios").modes.map((mode) => mode.name)).not.toContain("rootshell");
    sessions.discard(session);
    await device.stop();
  });
});
