import net from "node:net";
import type { Client } from "ssh2";
import { algorithmOffer } from "./algorithms.js";
import { createAuthentication } from "./authentication.js";
import { connectFailure, type ConnectPhase, readable } from "./connect-failure.js";
import { DeviceError } from "./device-error.js";
import { createHostKeyVerifier, hostKeyFromBlob, parseHostKey, type HostKey, type HostKeyVerdict } from "./host-key.js";
import { loadSsh2 } from "./key-exchange.js";
import { privateKeyOf } from "./private-key.js";
import { openExec, openShell } from "./ssh-channel.js";
import type { Transport, TransportFactory } from "./transport.js";

const keepaliveMs = 30_000;
const keepaliveMisses = 3;
const goodbyeMs = 2_000;

/**
 * Connects and logs in over SSH. Rejects with a DeviceError; by then the connection is gone. Nothing is retried: what
 * failed may be a refused login, and that is for a person to repeat.
 */
export const connectSsh: TransportFactory = async (endpoint, { clock, signal }) => {
  if (signal?.aborted) throw new DeviceError("CANCELLED", "cancelled before connecting");
  const verify = createHostKeyVerifier(endpoint.hostKeys);
  const knownTypes = endpoint.hostKeys.known.map((line) => parseHostKey(line).type);
  const key = privateKeyOf(endpoint.account);
  const { Client } = loadSsh2();

  return new Promise<Transport>((resolve, reject) => {
    const client = new Client();
    const started = clock.monotonic();
    let connectMs = 0;
    let phase: ConnectPhase = "socket";
    let hostKey: HostKey | undefined;
    let verdict: HostKeyVerdict | undefined;
    let preamble = "";
    let banner = "";
    let settled = false;
    let transport: SshTransport | undefined;

    const socket = net.connect({ host: endpoint.address, port: endpoint.port, noDelay: true });
    // What a device says before its SSH identification is often the reason why it hangs up.
    const peek = (bytes: Buffer): void => {
      preamble = (preamble + bytes.toString("latin1")).slice(0, 1024);
      if (/^SSH-/m.test(preamble)) {
        phase = "key exchange";
        socket.off("data", peek);
      }
    };

    const fail = (error: DeviceError): void => {
      if (settled) return;
      settled = true;
      release();
      client.end();
      client.destroy();
      socket.destroy();
      reject(error);
    };
    const explain = (cause?: Error & { level?: string; code?: string | number }): DeviceError =>
      connectFailure({ endpoint, phase, cause, verdict, hostKey, preamble, banner, authentication });

    const account = { ...endpoint.account, username: endpoint.account.username + endpoint.platform.userSuffix };
    const authentication = createAuthentication(account, key, () => fail(explain()));
    const timeout = (): void => {
      const where = `${endpoint.address}:${endpoint.port}`;
      const words = phase === "identification" ? readable(preamble) : "";
      fail(
        new DeviceError("DEVICE_UNREACHABLE", `no answer from ${where} in time (waiting for: ${phase})`, {
          credentialOffered: authentication.offered,
          ...(words ? { deviceMessage: words } : {}),
        }),
      );
    };
    let cancelTimer = clock.timer(endpoint.connectTimeoutMs ?? 10_000, timeout);
    const abort = (): void => fail(new DeviceError("CANCELLED", "cancelled while connecting"));
    signal?.addEventListener("abort", abort, { once: true });
    const release = (): void => {
      cancelTimer();
      signal?.removeEventListener("abort", abort);
      socket.off("data", peek);
    };

    // ssh2 may emit errors at any time, also after its end: these listeners stay for the life of the client.
    client.on("error", (error: Error) => {
      if (transport) transport.lost(error);
      else fail(explain(error));
    });
    client.on("close", () => {
      if (transport) transport.lost();
      else fail(explain());
    });
    client.on("connect", () => {
      if (phase === "socket") phase = "identification";
    });
    client.on("banner", (message: string) => {
      banner = (banner + message).slice(0, 4096);
    });
    client.on("handshake", () => {
      if (phase === "authentication" || transport) return; // a rekey
      phase = "authentication";
      connectMs = clock.monotonic() - started;
      cancelTimer();
      cancelTimer = clock.timer(endpoint.loginTimeoutMs ?? 30_000, timeout);
    });
    client.on("ready", () => {
      if (settled || !hostKey) return;
      settled = true;
      release();
      transport = createSshTransport(client, socket, {
        hostKey,
        hostKeyIsNew: verdict === "first",
        remoteVersion: /^SSH-[\d.]+-([^\s]*)/m.exec(preamble)?.[1] ?? "",
        connectMs,
        authMs: clock.monotonic() - started - connectMs,
        clock,
      });
      resolve(transport);
    });

    try {
      client.connect({
        sock: socket,
        username: account.username,
        ident: "Pointsman",
        algorithms: algorithmOffer(endpoint.cryptoProfile ?? "compat", knownTypes) as never,
        // Synchronous and without I/O, also at every rekey: ssh2 loses the connection at a rekey when it has to wait here.
        hostVerifier: (blob: Buffer) => {
          const shown = hostKeyFromBlob(blob);
          if (hostKey) return shown.line === hostKey.line;
          hostKey = shown;
          verdict = verify(shown);
          return verdict === "known" || verdict === "first";
        },
        authHandler: authentication.next,
        readyTimeout: 0,
        keepaliveInterval: keepaliveMs,
        keepaliveCountMax: keepaliveMisses,
      });
      socket.on("data", peek);
    } catch (error) {
      fail(explain(error as Error));
    }
  });
};

interface SshTransport extends Transport {
  lost(error?: Error): void;
}

function createSshTransport(
  client: Client,
  socket: net.Socket,
  facts: Pick<Transport, "hostKey" | "hostKeyIsNew" | "remoteVersion" | "connectMs" | "authMs"> & {
    readonly clock: Parameters<TransportFactory>[1]["clock"];
  },
): SshTransport {
  let gone: DeviceError | undefined;
  let leaving = false;
  const listeners: ((error: DeviceError) => void)[] = [];
  const { clock, ...rest } = facts;
  return {
    ...rest,
    get closed() {
      return gone !== undefined;
    },
    openShell: (columns, rows) => openShell(client, columns, rows, () => gone),
    exec: (command) => openExec(client, command, () => gone),
    onClose(listener) {
      if (gone) listener(gone);
      else listeners.push(listener);
    },
    close() {
      return new Promise((resolve) => {
        if (socket.closed) return resolve();
        leaving = true;
        const cancel = clock.timer(goodbyeMs, () => socket.destroy());
        socket.once("close", () => {
          cancel();
          resolve();
        });
        client.end();
      });
    },
    lost(error) {
      if (gone) return;
      const why = error ? `the connection was lost: ${error.message}` : "the device closed the connection";
      gone = new DeviceError("DISCONNECTED", leaving ? "the connection was closed" : why, { cause: error });
      for (const listener of listeners.splice(0)) listener(gone);
      socket.destroy();
    },
  };
}
