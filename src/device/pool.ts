import { setMaxListeners } from "node:events";
import type { Clock, Random } from "../domain/clock.js";
import type { CryptoProfile } from "../domain/crypto-profile.js";
import type { DevicePlace } from "../domain/endpoint-key.js";
import type { Turnstile } from "../domain/turnstile.js";
import { createConnectRates } from "./connect-rate.js";
import { DeviceError } from "./device-error.js";
import { type Endpoint, limitsOf } from "./endpoint.js";
import { createHandshakes } from "./handshakes.js";
import { hasLostKeys, type HostKey, isStillAccepted } from "./host-key.js";
import type { LiveSession } from "./live-session.js";
import { openSession } from "./open-session.js";
import { createMembers, type Member } from "./pool-members.js";
import type { Session } from "./session.js";
import { createSshConnector } from "./ssh-transport.js";
import type { Transcript } from "./transcript.js";
import type { Transport, TransportFactory } from "./transport.js";

/** How to check out a session. */
export interface CheckoutOptions {
  /** Gives up waiting or connecting; the checkout fails with CANCELLED. */
  readonly signal?: AbortSignal;
  /** Never reuse, always connect (a probe). Default false. */
  readonly fresh?: boolean;
  /** Records everything on the channel from here until checkin. */
  readonly transcript?: Transcript;
  /** Connects also where a breaker is open: the work has begun. Default false. */
  readonly pressing?: boolean;
  /** Called before every channel write of the login and of all work until checkin; see CommandRequest. */
  readonly beforeWrite?: () => void;
}

/** Keeps warm sessions by device, account and credential version. */
export interface SessionPool {
  /**
   * A session for this endpoint, in its login mode and at its prompt. A pooled one is asked for a fresh prompt first
   * (unless it was at it a moment ago); if it does not answer as it should it is closed and a new one opened. Rejects
   * with DeviceError; SESSION_LIMIT when all sessions of the pool are in use.
   */
  checkout(endpoint: Endpoint, options?: CheckoutOptions): Promise<Session>;
  /** Back to the pool if its state is certain and no configuration mode is open, else closed. */
  checkin(session: Session): void;
  /** Closed, politely when its state allows it. */
  discard(session: Session): void;
  /** Closes the idle sessions that the predicate picks; resolves when their connections are gone. */
  closeIdle(predicate: (endpoint: Endpoint) => boolean): Promise<void>;
  /** The sessions that are open, in the order in which they were opened. */
  sessions(): Iterable<PooledSession>;
  /**
   * Never uses a session again: one that waits for work is closed, one in use when its user is done with it. Answers
   * whether it is gone by now.
   */
  retire(number: number): Promise<boolean>;
  /** Closes every session, also those in use, and refuses new checkouts. */
  close(): Promise<void>;
  /** Open sessions: idle, in use and connecting. */
  readonly size: number;
  /** Open sessions that wait for work. */
  readonly idle: number;
  /** Sessions that are being opened. */
  readonly connecting: number;
}

/** An open session as the pool sees it. */
export interface PooledSession {
  /** Grows with every session that the pool opens, and names this one alone. */
  readonly number: number;
  readonly endpoint: Endpoint;
  /** The least crypto profile that offers what was agreed upon. Unset: it is no SSH. */
  readonly cryptoProfile?: CryptoProfile;
  readonly busy: boolean;
  /** When it was opened, and when a use of it last began or ended. Milliseconds since the epoch. */
  readonly openMs: number;
  readonly lastUseMs: number;
  /** How many times it was checked out, the present one included. */
  readonly uses: number;
}

/**
 * Stands around the opening of a session, from before the connection to its first prompt: may refuse it, may say more
 * of the endpoint, and sees how it went.
 */
export type SessionGate = (
  endpoint: Endpoint,
  pressing: boolean,
  open: (endpoint: Endpoint) => Promise<LiveSession>,
) => Promise<LiveSession>;

/** What a pool needs and how it is bounded. */
export interface SessionPoolOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Default: SSH. */
  readonly connect?: TransportFactory;
  /** How long a session may wait for work, in milliseconds. Default 300,000. */
  readonly idleMs?: number;
  /** How old a session may get before it is not used again, in milliseconds, spread by a tenth. Default 3,600,000. */
  readonly maxAgeMs?: number;
  /** Most open sessions; the one idle longest makes room for a new one. Default 5,000. */
  readonly maxSessions?: number;
  /** Connections begun in a minute to all that stands at one site. Default 1,200. */
  readonly siteConnectsPerMinute?: number;
  /** Decides when a connection may be set up; the connect timeout starts then. Default: as many as the event loop has time for. */
  readonly handshakes?: Pick<Turnstile, "enter">;
  /** Default: nothing stands there. */
  readonly gate?: SessionGate;
  /**
   * A session that was at its prompt at most this long ago is reused without asking for a fresh one, in milliseconds.
   * Default 1,000.
   */
  readonly trustMs?: number;
  /**
   * `accept-new` accepted a key that was not known before, at the device or at a bastion on the way to it. Gives the keys
   * that are known by now: where another login was the first as well, one of them alone is right.
   */
  readonly onHostKey?: (endpoint: Endpoint, key: HostKey, place: DevicePlace) => Promise<readonly string[]>;
  /** Called before a session that waits for work says goodbye to its device; when it throws, the session is cut off. */
  readonly beforeFarewell?: (endpoint: Endpoint) => void;
  /** An idle session is gone: too long idle, too old, closed by the device, or by us to make room. */
  readonly onIdleClose?: (endpoint: Endpoint) => void;
}

/** A connection that would have to wait longer than this for its turn is refused, in milliseconds. */
const longestTurnMs = 60_000;
const defaultBurst = 5;
/** What stands at one site may be connected to this much ahead of its rate. */
const siteBurst = 40;

function keyOf({ platform, bastions = [], ...device }: Endpoint): string {
  const hops = [...bastions, device].map((hop) => [hop.address, hop.port, hop.account.username, hop.accountKey]);
  return JSON.stringify([platform.name, hops]);
}

/** The device, whoever logs in to it. */
function placeOf({ bastions = [], ...device }: Endpoint): string {
  return [...bastions, device].map(({ address, port }) => `${address}:${port}`).join(">");
}

/**
 * Whether the keys of a session's hosts are those that count: somebody may have replaced them since, and what shows another
 * one is not the device. Of a bastion, which many share, it is kept which key it showed only where that was accepted as
 * the first; of any other, which ones counted.
 */
function isStillTrusted({ session, endpoint: opened }: Member, { hostKeys, bastions = [] }: Endpoint): boolean {
  return (
    isStillAccepted(hostKeys, session.hostKey) &&
    session.newBastionKeys.every(({ before, key }) => isStillAccepted(bastions[before.length]!.hostKeys, key)) &&
    !bastions.some((hop, index) => hasLostKeys(opened.bastions![index]!.hostKeys, hop.hostKeys))
  );
}

/** A pool without any session yet. */
export function createSessionPool(options: SessionPoolOptions): SessionPool {
  const {
    clock,
    random,
    connect = createSshConnector(options.clock).connect,
    idleMs = 300_000,
    maxAgeMs = 3_600_000,
  } = options;
  const { maxSessions = 5_000, handshakes = createHandshakes({ clock }), trustMs = 1_000 } = options;
  const { gate = (endpoint, _pressing, open) => open(endpoint), siteConnectsPerMinute = 1_200 } = options;
  const rates = createConnectRates(clock, longestTurnMs);
  const members = createMembers();
  const ending = new AbortController();
  // As many listen as connections are being set up.
  setMaxListeners(0, ending.signal);
  let connecting = 0;
  let opened = 0;

  const drop = (member: Member): void => {
    if (member.state === "closed") return;
    const wasIdle = member.state === "idle";
    member.state = "closed";
    members.remove(member);
    if (wasIdle) options.onIdleClose?.(member.endpoint);
  };
  const closeMember = (member: Member): Promise<void> => {
    drop(member);
    return member.session.close();
  };

  const makeRoom = (): void => {
    if (members.size + connecting < maxSessions) return;
    const [oldest] = members.idle();
    if (!oldest) throw new DeviceError("SESSION_LIMIT", `all ${maxSessions} sessions of this worker are in use`);
    void closeMember(oldest);
  };

  /** A device keeps lines for people: what is idle there under another account makes room. */
  const makeRoomAt = async (endpoint: Endpoint): Promise<void> => {
    const most = limitsOf(endpoint).maxSessions;
    if (most === undefined) return;
    const place = placeOf(endpoint);
    for (;;) {
      const there = members.at(place);
      if (there.size < most) return;
      const oldest = [...there]
        .filter(({ state }) => state === "idle")
        .reduce<Member | undefined>(
          (first, one) => (first && first.idleSince <= one.idleSince ? first : one),
          undefined,
        );
      if (!oldest) {
        const message = `all ${most} sessions that may be open to ${endpoint.address} at a time are in use`;
        throw new DeviceError("SESSION_LIMIT", message);
      }
      await closeMember(oldest);
    }
  };

  const turn = async (endpoint: Endpoint, signal: AbortSignal): Promise<void> => {
    const { connectsPerMinute, connectBurst = defaultBurst } = limitsOf(endpoint);
    const { site } = endpoint;
    await rates.turn(
      [
        ...(connectsPerMinute === undefined
          ? []
          : [{ name: placeOf(endpoint), rate: { perMinute: connectsPerMinute, burst: connectBurst } }]),
        ...(site === undefined
          ? []
          : [{ name: `site ${site}`, rate: { perMinute: siteConnectsPerMinute, burst: siteBurst } }]),
      ],
      signal,
    );
  };

  /** Two logins may both meet a host that nobody knows: whichever key was kept first is its key. */
  const checkNewKeys = async (endpoint: Endpoint, transport: Transport): Promise<void> => {
    const { onHostKey } = options;
    if (!onHostKey) return;
    const { hostKey, hostKeyIsNew, newBastionKeys = [] } = transport;
    const { bastions: before = [] } = endpoint;
    const seen = [...newBastionKeys, ...(hostKeyIsNew ? [{ before, bastion: endpoint, key: hostKey }] : [])];
    for (const { before: bastions, bastion, key } of seen) {
      const known = await onHostKey(endpoint, key, { ...bastion, bastions });
      if (isStillAccepted({ mode: "strict", known }, key)) continue;
      const where = `${bastion.address}:${bastion.port}`;
      throw new DeviceError(
        "HOST_KEY_CHANGED",
        `${where} showed another host key to another login: ${key.fingerprint}`,
        {
          hostKey: key,
          ...(bastion === endpoint ? {} : { hop: where }),
        },
      );
    }
  };

  const connectAndLogIn = async (
    endpoint: Endpoint,
    checkout: CheckoutOptions,
    signal: AbortSignal,
  ): Promise<LiveSession> => {
    const transport = await connect(endpoint, { clock, signal });
    await checkNewKeys(endpoint, transport).catch((error: unknown) => {
      void transport.close();
      throw error;
    });
    const { beforeWrite, transcript } = checkout;
    return openSession(transport, endpoint, { clock, signal, beforeWrite, transcript });
  };

  const open = async (endpoint: Endpoint, key: string, checkout: CheckoutOptions): Promise<Member> => {
    await makeRoomAt(endpoint);
    makeRoom();
    connecting++;
    const signal = checkout.signal ? AbortSignal.any([checkout.signal, ending.signal]) : ending.signal;
    let leave: () => void = () => undefined;
    try {
      const { beforeWrite, transcript } = checkout;
      const session = await gate(endpoint, checkout.pressing ?? false, async (known) => {
        await turn(endpoint, signal);
        leave = await handshakes.enter(signal).catch(() => {
          throw new DeviceError("CANCELLED", "cancelled while waiting to connect");
        });
        return connectAndLogIn(known, checkout, signal);
      });
      const diesAt = clock.monotonic() + maxAgeMs * (0.9 + 0.1 * random.number());
      const member: Member = {
        session,
        endpoint,
        key,
        place: placeOf(endpoint),
        number: ++opened,
        openMs: clock.now(),
        lastUseMs: clock.now(),
        uses: 1,
        diesAt,
        state: "busy",
        idleSince: 0,
        cancelIdle: () => undefined,
      };
      session.begin({ reused: false, beforeWrite, transcript });
      members.add(member);
      session.onClose(() => drop(member));
      return member;
    } finally {
      leave();
      connecting--;
    }
  };

  /** The session of this key that was used last, if one can be used at all. */
  const reuse = async (endpoint: Endpoint, key: string, checkout: CheckoutOptions): Promise<Member | undefined> => {
    for (;;) {
      const member = members.lastUsed(key);
      if (!member) return undefined;
      const { session } = member;
      if (clock.monotonic() >= member.diesAt || !isStillTrusted(member, endpoint)) {
        void closeMember(member);
        continue;
      }
      members.wake(member);
      member.state = "busy";
      member.lastUseMs = clock.now();
      member.uses++;
      const { beforeWrite, transcript, signal } = checkout;
      session.begin({ reused: true, beforeWrite, transcript });
      const trusted = clock.monotonic() - member.idleSince <= trustMs && !session.heardUnasked;
      if (trusted && session.mode === session.loginMode) return member;
      try {
        await session.refresh(signal);
        return member;
      } catch (error) {
        void closeMember(member);
        if (signal?.aborted || !(error instanceof DeviceError)) throw error;
      }
    }
  };

  return {
    async checkout(endpoint, checkout = {}) {
      if (ending.signal.aborted) throw new DeviceError("CANCELLED", "the session pool is closed");
      const key = keyOf(endpoint);
      const warm = checkout.fresh ? undefined : await reuse(endpoint, key, checkout);
      return (warm ?? (await open(endpoint, key, checkout))).session;
    },
    checkin(session) {
      const member = members.of(session);
      if (!member || member.state !== "busy") return;
      member.session.end(() => options.beforeFarewell?.(member.endpoint));
      const atHome = session.mode === session.loginMode || ["exec", "enable"].includes(session.mode);
      if (!member.session.certain || !atHome || clock.monotonic() >= member.diesAt || ending.signal.aborted) {
        void closeMember(member);
        return;
      }
      member.state = "idle";
      member.lastUseMs = clock.now();
      member.idleSince = clock.monotonic();
      member.cancelIdle = clock.timer(idleMs, () => void closeMember(member));
      members.rest(member);
    },
    discard(session) {
      const member = members.of(session);
      if (member) void closeMember(member);
    },
    async closeIdle(predicate) {
      await Promise.all([...members.idle()].filter((member) => predicate(member.endpoint)).map(closeMember));
    },
    *sessions() {
      for (const { number, endpoint, session, state, openMs, lastUseMs, uses } of members.all()) {
        const { cryptoProfile } = session;
        const facts = { number, endpoint, busy: state === "busy", openMs, lastUseMs, uses };
        yield cryptoProfile === undefined ? facts : { ...facts, cryptoProfile };
      }
    },
    async retire(number) {
      const member = [...members.all()].find((one) => one.number === number);
      if (!member) return true;
      member.diesAt = -Infinity;
      if (member.state === "busy") return false;
      await closeMember(member);
      return true;
    },
    async close() {
      ending.abort();
      await Promise.all([...members.all()].map(closeMember));
    },
    get size() {
      return members.size + connecting;
    },
    get idle() {
      return members.idleCount;
    },
    get connecting() {
      return connecting;
    },
  };
}
