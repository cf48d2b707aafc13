import type { PooledSession, SessionPool } from "../device/index.js";
import type { LeaseStore, SessionFacts, SessionNews, WorkerIdentity } from "../store/store.js";
import type { ReachableEndpoint } from "./reach.js";

/** Sessions told of at a time: those that are left are told of with the next beat. */
const toldAtOnce = 1_000;

/** Tells the store which sessions a worker has in a zone. */
export interface SessionTeller {
  /** Tells what has changed since it told last, if anything has. Rejects as the store does; it is told again then. */
  tell(): Promise<void>;
  /** This one is gone, and the store asks about it: it is told, also when it was told before. */
  gone(number: number): void;
  /** The store may have forgotten all of it. */
  forget(): void;
}

export function createSessionTeller({
  pool,
  leases,
  identity,
}: {
  readonly pool: Pick<SessionPool, "sessions">;
  readonly leases: Pick<LeaseStore, "tellSessions">;
  readonly identity: WorkerIdentity;
}): SessionTeller {
  /** What was told last of each session that the store knows. */
  const told = new Map<number, string>();
  let anew = false;

  function news(): SessionNews & { readonly notes: ReadonlyMap<number, string> } {
    const open = [...pool.sessions()].filter(({ endpoint }) => (endpoint as ReachableEndpoint).zone === identity.zone);
    const numbers = new Set(open.map(({ number }) => number));
    const gone = [...told.keys()].filter((number) => !numbers.has(number)).slice(0, toldAtOnce);
    const notes = new Map<number, string>();
    const changed: SessionNews["changed"][number][] = [];
    for (const session of open) {
      const { number, busy, lastUseMs, uses } = session;
      const note = `${busy} ${lastUseMs} ${uses}`;
      if (told.get(number) === note) continue;
      if (changed.length === toldAtOnce) break;
      const use = { busy, lastUseMs, uses };
      changed.push(told.has(number) ? { number, use } : { number, facts: factsOf(session), use });
      notes.set(number, note);
    }
    return { anew, gone, changed, notes };
  }

  return {
    async tell() {
      const { notes, ...rest } = news();
      if (rest.gone.length + rest.changed.length === 0) return;
      await leases.tellSessions(identity, rest);
      anew = false;
      for (const number of rest.gone) told.delete(number);
      for (const [number, note] of notes) told.set(number, note);
    },
    gone(number) {
      if (!told.has(number)) told.set(number, "");
    },
    forget() {
      told.clear();
      anew = true;
    },
  };
}

function factsOf({ endpoint, cryptoProfile, openMs }: PooledSession): SessionFacts {
  const { exclusive, address, port, platform, account, credential, bastions = [] } = endpoint as ReachableEndpoint;
  return {
    ...{ endpoint: exclusive, address, port, platform: platform.name, username: account.username, openMs },
    ...(credential === undefined ? {} : { credential }),
    ...(cryptoProfile === undefined ? {} : { cryptoProfile }),
    bastions: bastions.map((hop) => (hop.address.includes(":") ? `[${hop.address}]` : hop.address) + `:${hop.port}`),
  };
}
