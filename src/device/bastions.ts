import type { Duplex } from "node:stream";
import type { Client } from "ssh2";
import type { Clock } from "../domain/clock.js";
import { DeviceError } from "./device-error.js";
import type { Hop } from "./endpoint.js";
import type { HostKey } from "./host-key.js";
import type { LoggedIn } from "./ssh-login.js";

/** How long a connection to a bastion is kept when nothing goes through it, in milliseconds. */
const lingerMs = 30_000;

/** A way through bastions to one address. */
export interface Tunnel {
  readonly stream: Duplex;
  /** Keys of bastions on the way that were seen for the first time and accepted. */
  readonly newHostKeys: readonly NewBastionKey[];
  /** The way is not needed any more. */
  readonly release: () => void;
}

/** The key of a bastion that was seen for the first time, and the hosts before it. */
export interface NewBastionKey {
  readonly before: readonly Hop[];
  readonly bastion: Hop;
  readonly key: HostKey;
}

/** Connections to bastions, each shared by everything that goes the same way as the same account. */
export interface Bastions {
  /**
   * A stream to the target through all of the chain, in its order. Rejects with a DeviceError whose `hop` names the
   * bastion at which it failed: FORWARDING_REFUSED where that lets nothing through.
   */
  tunnel(chain: readonly Hop[], to: Hop, signal?: AbortSignal): Promise<Tunnel>;
  /** Connections to bastions that are open. */
  readonly size: number;
}

interface Opening {
  readonly over?: (() => Promise<Duplex>) | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

interface Member {
  readonly loggedIn: Promise<LoggedIn>;
  readonly newHostKeys: readonly NewBastionKey[];
  users: number;
  cancelLinger: () => void;
  /** Ends the connecting when nobody waits for it any more. */
  readonly abort: AbortController;
}

/** No connection yet. `logIn` is how a bastion is logged in to. */
export function createBastions(parts: {
  readonly clock: Clock;
  readonly logIn: (hop: Hop, opening: Opening) => Promise<LoggedIn>;
}): Bastions {
  const { clock } = parts;
  const members = new Map<string, Member>();

  /** Takes part in the connection to the last bastion of the chain, opening it, and those before it, where there is none. */
  function join(chain: readonly Hop[]): { readonly member: Member; readonly leave: () => void } {
    const key = keyOf(chain);
    const member = members.get(key) ?? open(key, chain);
    member.users++;
    member.cancelLinger();
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      if (--member.users > 0) return;
      const end = (): void => {
        forget(chain, member);
        member.abort.abort();
        void member.loggedIn.then(
          ({ client, stream }) => {
            client.end();
            stream.destroy();
          },
          () => undefined,
        );
      };
      member.cancelLinger = clock.timer(lingerMs, end);
    };
    return { member, leave };
  }

  /** Nobody joins it any more. */
  function forget(chain: readonly Hop[], member: Member): void {
    const key = keyOf(chain);
    if (members.get(key) === member) members.delete(key);
  }

  function open(key: string, chain: readonly Hop[]): Member {
    const before = chain.slice(0, -1);
    const bastion = chain[before.length]!;
    const abort = new AbortController();
    const newHostKeys: NewBastionKey[] = [];
    let tunnel: Tunnel | undefined;
    const over = async (): Promise<Duplex> => {
      tunnel?.release();
      tunnel = await reach(before, bastion, abort.signal);
      newHostKeys.push(...tunnel.newHostKeys);
      return tunnel.stream;
    };
    const gone = (): void => {
      forget(chain, member);
      tunnel?.release();
    };
    const loggedIn = parts
      .logIn(bastion, { clock, signal: abort.signal, ...(before.length > 0 ? { over } : {}) })
      .catch((error: unknown) => {
        throw at(error, chain);
      });
    const member: Member = { loggedIn, newHostKeys, users: 0, cancelLinger: () => undefined, abort };
    members.set(key, member);
    loggedIn.then(({ hostKeyIsNew, hostKey, onGone }) => {
      if (hostKeyIsNew) newHostKeys.push({ before, bastion, key: hostKey });
      onGone(gone);
    }, gone);
    return member;
  }

  /**
   * A channel to the next hop. One that comes too late for whoever asked is closed. Where none comes, a bastion that
   * answers nothing else either is told from one that gets no answer: `silent` is called.
   */
  async function forward(client: Client, chain: readonly Hop[], to: Hop, silent: () => void): Promise<Duplex> {
    return new Promise<Duplex>((resolve, reject) => {
      let late = false;
      const ms = to.connectTimeoutMs ?? 10_000;
      let isSilent = false;
      let cancel = clock.timer(ms / 2, () => {
        isSilent = true;
        whenHeard(client, () => (isSilent = false));
        cancel = clock.timer(ms / 2, () => {
          late = true;
          if (isSilent) silent();
          const message = isSilent ? "no answer in time" : `no answer from ${to.address}:${to.port} in time`;
          reject(at(new DeviceError("DEVICE_UNREACHABLE", message, { behindHop: !isSilent }), chain));
        });
      });
      client.forwardOut("127.0.0.1", 0, to.address, to.port, (error, channel) => {
        cancel();
        if (error) return reject(at(forwardFailure(error, to), chain));
        // ssh2 emits errors also after the end; without a listener for life they would end the process.
        channel.on("error", () => undefined);
        if (late) channel.destroy();
        resolve(channel);
      });
    });
  }

  async function reach(chain: readonly Hop[], to: Hop, signal?: AbortSignal): Promise<Tunnel> {
    const { member, leave } = join(chain);
    try {
      const { client } = await orAborted(member.loggedIn, signal);
      // Whoever comes next is to find out whether the bastion is there at all; what runs through it may still go on.
      const opening = forward(client, chain, to, () => forget(chain, member));
      const stream = await orAborted(opening, signal).catch((error: unknown) => {
        void opening.then(
          (channel) => channel.destroy(),
          () => undefined,
        );
        throw error;
      });
      stream.once("close", leave);
      return { stream, release: leave, newHostKeys: member.newHostKeys };
    } catch (error) {
      leave();
      throw error instanceof DeviceError ? error : at(new DeviceError("DISCONNECTED", String(error)), chain);
    }
  }

  return {
    tunnel: reach,
    get size() {
      return members.size;
    },
  };
}

/** Also what was checked: a connection that somebody accepted with another key in mind is not shared. */
function keyOf(chain: readonly Hop[]): string {
  return JSON.stringify(
    chain.map(({ address, port, account, accountKey, hostKeys }) => [
      ...[address, port, account.username, accountKey],
      ...[hostKeys.mode, hostKeys.known],
    ]),
  );
}

function cancelled(): DeviceError {
  return new DeviceError("CANCELLED", "cancelled while connecting");
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  if (signal.aborted) throw cancelled();
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(cancelled());
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Calls back once the server has answered something, whatever it is. */
function whenHeard(client: Client, heard: () => void): void {
  const { _callbacks, _protocol } = client as unknown as PingingClient;
  _callbacks.push(heard);
  _protocol.ping();
}

/** The part of ssh2's client that its types leave out: answers to what is asked of all the connection come in order. */
interface PingingClient {
  readonly _callbacks: (() => void)[];
  readonly _protocol: { ping(): void };
}

/** Names the bastion, unless one before it is named already. */
function at(error: unknown, chain: readonly Hop[]): unknown {
  if (!(error instanceof DeviceError) || error.hop !== undefined || error.reason === "CANCELLED") return error;
  const { address, port } = chain.at(-1)!;
  const hop = `${address}:${port}`;
  const message = `at bastion ${chain.length} on the way (${hop}): ${error.message}`;
  return new DeviceError(error.reason, message, { ...error, hop, cause: error.cause ?? error });
}

/** Why a bastion opened no way (RFC 4254, 5.1). */
function forwardFailure(error: Error & { readonly reason?: unknown }, to: Pick<Hop, "address" | "port">): DeviceError {
  const words = error.message.replace(/^\(SSH\) /, "");
  const where = `${to.address}:${to.port}`;
  // Only a bastion that is there says why.
  const details = { cause: error, deviceMessage: words, behindHop: error.reason !== undefined };
  if (error.reason === 1 || error.reason === "ADMINISTRATIVELY_PROHIBITED" || /prohibited/i.test(words)) {
    return new DeviceError("FORWARDING_REFUSED", `it lets no connection through to ${where}`, details);
  }
  if (/refused/i.test(words)) {
    return new DeviceError("CONNECTION_REFUSED", `${where} refused its connection`, details);
  }
  return new DeviceError("DEVICE_UNREACHABLE", `it cannot reach ${where}`, details);
}
