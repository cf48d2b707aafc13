import type { Endpoint } from "./endpoint.js";
import type { LiveSession } from "./live-session.js";
import type { Session } from "./session.js";

/** A session of a pool. */
export interface Member {
  readonly session: LiveSession;
  readonly endpoint: Endpoint;
  /** What it can be used for again. */
  readonly key: string;
  /** The device, of whatever account. */
  readonly place: string;
  readonly number: number;
  readonly openMs: number;
  lastUseMs: number;
  uses: number;
  diesAt: number;
  state: "busy" | "idle" | "closed";
  idleSince: number;
  cancelIdle: () => void;
}

/** The open sessions of a pool, by all that they are looked for by. */
export interface Members {
  readonly size: number;
  readonly idleCount: number;
  of(session: Session): Member | undefined;
  /** In the order in which they were opened. */
  all(): Iterable<Member>;
  /** The one idle longest first. */
  idle(): Iterable<Member>;
  /** Of the idle ones of a key the one that was used last. */
  lastUsed(key: string): Member | undefined;
  at(place: string): Iterable<Member> & { readonly size: number };
  add(member: Member): void;
  /** It waits for work from now on. */
  rest(member: Member): void;
  /** It waits no more. */
  wake(member: Member): void;
  remove(member: Member): void;
}

/** None yet. */
export function createMembers(): Members {
  const bySession = new Map<Session, Member>();
  /** In the order in which they became idle. */
  const idle = new Set<Member>();
  const idleByKey = new Map<string, Member[]>();
  const byPlace = new Map<string, Set<Member>>();

  const wake = (member: Member): void => {
    member.cancelIdle();
    idle.delete(member);
    const rest = (idleByKey.get(member.key) ?? []).filter((one) => one !== member);
    if (rest.length > 0) idleByKey.set(member.key, rest);
    else idleByKey.delete(member.key);
  };
  return {
    get size() {
      return bySession.size;
    },
    get idleCount() {
      return idle.size;
    },
    of: (session) => bySession.get(session),
    all: () => bySession.values(),
    idle: () => idle,
    lastUsed: (key) => idleByKey.get(key)?.at(-1),
    at: (place) => byPlace.get(place) ?? new Set(),
    add(member) {
      bySession.set(member.session, member);
      const there = byPlace.get(member.place);
      if (there) there.add(member);
      else byPlace.set(member.place, new Set([member]));
    },
    rest(member) {
      idle.add(member);
      idleByKey.set(member.key, [...(idleByKey.get(member.key) ?? []), member]);
    },
    wake,
    remove(member) {
      wake(member);
      bySession.delete(member.session);
      const there = byPlace.get(member.place);
      there?.delete(member);
      if (there?.size === 0) byPlace.delete(member.place);
    },
  };
}
