import { generateKeyPairSync } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import ssh2, { type AuthContext, type ServerChannel, type Connection, type ParsedKey } from "ssh2";

/** A shell session of a scripted device: what was typed comes line by line. */
export interface ScriptedShell {
  readonly channel: ServerChannel;
  write(text: string): void;
  /** The next line typed, without its end; it is echoed unless `echo` is false; Ctrl-C gives `\\x03`. Rejects when the client leaves. */
  line(options?: { readonly echo?: boolean }): Promise<string>;
  /** The next single key. */
  key(): Promise<string>;
}

/** How a scripted device behaves. */
export interface ScriptedDeviceOptions {
  readonly shell?: (shell: ScriptedShell) => Promise<void>;
  /** Default: accepts `admin` / `secret` by password. */
  readonly authenticate?: (context: AuthContext) => void;
  readonly banner?: string;
  /** Every shell request beyond this many per connection is refused. */
  readonly maxShells?: number;
}

/** An SSH server whose every byte a test decides. */
export interface ScriptedDevice {
  readonly port: number;
  /** `type base64` of the key it shows at the moment. */
  readonly hostKey: string;
  readonly connections: number;
  /** One entry per authentication request, by method. */
  readonly attempts: readonly string[];
  /** Every byte that any client typed into a shell. */
  readonly typed: string;
  /** Cuts all connections. */
  drop(): void;
  stop(): Promise<void>;
}

const { Server, utils } = ssh2;

function socketOf(client: Connection): Socket {
  return (client as unknown as { readonly _sock: Socket })._sock;
}

function newHostKey(): { pem: string; line: string } {
  const pem = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs1", format: "pem" });
  const parsed = utils.parseKey(pem);
  if (parsed instanceof Error) throw parsed;
  const key: ParsedKey | undefined = Array.isArray(parsed) ? (parsed as ParsedKey[])[0] : parsed;
  if (!key) throw new Error("a fresh key cannot be read");
  return { pem: pem.toString(), line: `ssh-rsa ${key.getPublicSSH().toString("base64")}` };
}

const sharedKey = newHostKey();

/** Starts a device on loopback. `freshKey` gives it a host key of its own. */
export async function startScriptedDevice(
  options: ScriptedDeviceOptions = {},
  { freshKey = false, port = 0 } = {},
): Promise<ScriptedDevice> {
  const key = freshKey ? newHostKey() : sharedKey;
  const attempts: string[] = [];
  const clients = new Set<Connection>();
  let connections = 0;
  let typed = "";
  const server = new Server(
    { hostKeys: [key.pem], ...(options.banner ? { banner: options.banner } : {}) },
    (client) => {
      connections++;
      clients.add(client);
      socketOf(client).setNoDelay(true);
      client.on("error", () => undefined);
      client.on("close", () => clients.delete(client));
      client.on("authentication", (context) => {
        attempts.push(context.method);
        if (options.authenticate) return options.authenticate(context);
        if (context.method === "password" && context.username === "admin" && context.password === "secret")
          return context.accept();
        context.reject(["password"]);
      });
      let shells = 0;
      client.on("session", (accept) => {
        const session = accept();
        session.on("pty", (acceptPty) => acceptPty?.());
        session.on("shell", (acceptShell, rejectShell) => {
          if (++shells > (options.maxShells ?? Infinity)) return rejectShell?.();
          const channel = acceptShell();
          channel.on("error", () => undefined);
          const shell = createShell(channel, (text) => (typed += text));
          options
            .shell?.(shell)
            .catch(() => undefined)
            .finally(() => {
              channel.exit(0);
              channel.end();
            });
        });
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: key.line,
    get connections() {
      return connections;
    },
    attempts,
    get typed() {
      return typed;
    },
    drop() {
      for (const client of clients) socketOf(client).destroy();
    },
    async stop() {
      for (const client of clients) client.end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function createShell(channel: ServerChannel, onTyped: (text: string) => void): ScriptedShell {
  let buffer = "";
  let gone = false;
  let wake: (() => void) | undefined;
  channel.on("data", (bytes: Buffer) => {
    buffer += bytes.toString();
    onTyped(bytes.toString());
    wake?.();
  });
  channel.on("close", () => {
    gone = true;
    wake?.();
  });
  const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(buffer);
      if (found) {
        buffer = buffer.slice(found[0].length);
        return found;
      }
      if (gone) throw new Error("the client is gone");
      await new Promise<void>((resolve) => (wake = resolve));
      wake = undefined;
    }
  };
  return {
    channel,
    write: (text) => void channel.write(text),
    async line({ echo = true } = {}) {
      const [, text = "", key] = await until(/^([^\n\r\x03]*)([\n\r\x03])/);
      if (key === "\x03") return key;
      channel.write(`${echo ? text : ""}\r\n`);
      return text;
    },
    async key() {
      const [char] = await until(/^[\s\S]/);
      return char;
    },
  };
}
