import net from "node:net";
import type { Duplex } from "node:stream";
import type { Client } from "ssh2";
import type { Clock } from "../domain/clock.js";
import type { CryptoProfile } from "../domain/crypto-profile.js";
import { algorithmOffer, profileOf } from "./algorithms.js";
import { createAuthentication } from "./authentication.js";
import { connectFailure, type ConnectPhase, readable } from "./connect-failure.js";
import { DeviceError } from "./device-error.js";
import type { Hop } from "./endpoint.js";
import { gateGroupExchange } from "./group-exchange-gate.js";
import { createHostKeyVerifier, hostKeyFromBlob, parseHostKey, type HostKey, type HostKeyVerdict } from "./host-key.js";
import { joinWrites } from "../streams/joined-writes.js";
import { loadSsh2 } from "./key-exchange.js";
import { privateKeyOf } from "./private-key.js";
import { connectSparingly, settle } from "./sparing-client.js";

const keepaliveMs = 30_000;
const keepaliveMisses = 3;
/** Enough for an identification and a whole KEXINIT. */
const openingBytes = 16_384;

/** An SSH server that let us in. */
export interface LoggedIn {
  readonly client: Client;
  /** What it runs over: a TCP connection, or a channel of a bastion. */
  readonly stream: Duplex;
  readonly hostKey: HostKey;
  /** True when the host key was seen for the first time and accepted. */
  readonly hostKeyIsNew: boolean;
  /** The software version in its identification. */
  readonly remoteVersion: string;
  /** The least profile that offers what was agreed upon. */
  readonly cryptoProfile: CryptoProfile;
  readonly connectMs: number;
  readonly authMs: number;
  /** Calls back once when the connection is gone, at once if it is; `error` is set when it did not simply end. */
  onGone(listener: (error?: Error) => void): void;
}

/** How to log in. */
export interface LogInOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly profile: CryptoProfile;
  /** A stream that leads there already. Default: a TCP connection of its own. */
  readonly over?: Duplex | undefined;
}

/**
 * Connects to one SSH server and logs in. Rejects with a DeviceError; by then the connection is gone. Nothing is retried:
 * what failed may be a refused login, and that is for a person to repeat.
 */
export async function logIn(hop: Hop, { clock, signal, profile, over }: LogInOptions): Promise<LoggedIn> {
  if (signal?.aborted) throw new DeviceError("CANCELLED", "cancelled before connecting");
  const verify = createHostKeyVerifier(hop.hostKeys);
  const knownTypes = hop.hostKeys.known.map((line) => parseHostKey(line).type);
  const { account } = hop;
  const key = privateKeyOf(account);
  const { Client, compiled } = loadSsh2();

  return new Promise<LoggedIn>((resolve, reject) => {
    const client = new Client();
    const started = clock.monotonic();
    let connectMs = 0;
    let phase: ConnectPhase = over ? "identification" : "socket";
    let hostKey: HostKey | undefined;
    let verdict: HostKeyVerdict | undefined;
    let agreed: CryptoProfile = profile;
    let opening = Buffer.alloc(0);
    let banner = "";
    let settled = false;
    let gone: { readonly error?: Error } | undefined;
    let listeners: ((error?: Error) => void)[] = [];

    const stream = over ?? net.connect({ host: hop.address, port: hop.port, noDelay: true });
    if (!compiled) joinWrites(stream);
    /** What it says before and with its SSH identification: often the reason why it hangs up. */
    const preamble = (): string => opening.subarray(0, behindIdentification() ?? 1024).toString("latin1");
    const behindIdentification = (): number | undefined => {
      const line = /^SSH-[^\n]*\n/m.exec(opening.toString("latin1"));
      return line ? line.index + line[0].length : undefined;
    };
    const peek = (bytes: Buffer): void => {
      opening = Buffer.concat([opening, bytes]);
      if (phase === "identification" && /^SSH-/m.test(opening.toString("latin1"))) phase = "key exchange";
      if (opening.length > openingBytes) stream.off("data", peek);
    };

    const fail = (error: DeviceError): void => {
      if (settled) return;
      settled = true;
      release();
      client.end();
      client.destroy();
      stream.destroy();
      reject(error);
    };
    const explain = (cause?: Error & { level?: string; code?: string | number }): DeviceError =>
      connectFailure({
        ...{ endpoint: hop, phase, cause, verdict, hostKey, preamble: preamble(), banner, authentication },
        firstPacket: opening.subarray(behindIdentification() ?? opening.length),
      });
    const lost = (error?: Error): void => {
      if (!settled) return fail(explain(error));
      if (gone) return;
      gone = error ? { error } : {};
      stream.destroy();
      for (const listener of listeners) listener(error);
      listeners = [];
    };

    const authentication = createAuthentication(account, key, () => fail(explain()));
    const timeout = (): void => {
      const where = `${hop.address}:${hop.port}`;
      const words = phase === "identification" ? readable(preamble()) : "";
      fail(
        new DeviceError("DEVICE_UNREACHABLE", `no answer from ${where} in time (waiting for: ${phase})`, {
          credentialOffered: authentication.offered,
          ...(words ? { deviceMessage: words } : {}),
        }),
      );
    };
    let cancelTimer = clock.timer(hop.connectTimeoutMs ?? 10_000, timeout);
    const abort = (): void => fail(new DeviceError("CANCELLED", "cancelled while connecting"));
    signal?.addEventListener("abort", abort, { once: true });
    const release = (): void => {
      cancelTimer();
      signal?.removeEventListener("abort", abort);
      stream.off("data", peek);
      opening = Buffer.alloc(0);
    };

    // ssh2 may emit errors at any time, also after its end: these listeners stay for the life of the client.
    client.on("error", (error: Error & { level?: string }) => {
      // ssh2 goes on to the next key of the agent, or to what comes behind the agent.
      if (error.level === "agent" && !settled) authentication.agentFailed();
      else lost(error);
    });
    client.on("close", () => lost());
    client.on("connect", () => {
      if (phase === "socket") phase = "identification";
    });
    client.on("banner", (message: string) => {
      banner = (banner + message).slice(0, 4096);
    });
    client.on("handshake", (negotiated) => {
      if (phase === "authentication" || settled) return; // a rekey
      phase = "authentication";
      agreed = profileOf(negotiated);
      connectMs = clock.monotonic() - started;
      cancelTimer();
      cancelTimer = clock.timer(hop.loginTimeoutMs ?? 30_000, timeout);
    });
    client.on("ready", () => {
      if (settled || !hostKey) return;
      settled = true;
      const remoteVersion = /^SSH-[\d.]+-([^\s]*)/m.exec(preamble())?.[1] ?? "";
      release();
      settle(client);
      resolve({
        ...{ client, stream, hostKey, hostKeyIsNew: verdict === "first", remoteVersion, cryptoProfile: agreed },
        ...{ connectMs, authMs: clock.monotonic() - started - connectMs },
        onGone(listener) {
          if (gone) listener(gone.error);
          else listeners.push(listener);
        },
      });
    });

    try {
      const algorithms = algorithmOffer(profile, knownTypes);
      connectSparingly(client, algorithms, {
        sock: stream,
        username: account.username,
        ident: "Pointsman",
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
      stream.on("data", peek);
      // ssh2 listens from the next tick on.
      gateGroupExchange(stream, algorithms.kex);
    } catch (error) {
      fail(explain(error as Error));
    }
  });
}
