import { createSshConnector, type Channel, type Transport, type TransportFactory } from "../../src/device/index.js";
import { StoreError, type Store } from "../../src/store/store.js";
import type { Journal, Journals } from "../../src/worker/journal.js";

/** Places in the life of an attempt at which a worker can be made to stand still, in the order in which it passes them. */
export const points = [
  "claim-reply-lost",
  "claimed",
  "connecting",
  "logged-in",
  "intent-stored",
  "intent-journaled",
  "line-half-written",
  "line-sent",
  "mid-output",
  "between-lines",
  "last-answered",
  "done-journaled",
  "end-told",
] as const;

export type Point = (typeof points)[number];

/** The ports of a worker with a point in them. `stand` is called when it is reached for the first time, and returns when the worker may go on. */
export function createPoint(point: Point, stand: () => void) {
  let reached = false;
  const reach = (here: Point): boolean => {
    if (here !== point || reached) return false;
    reached = true;
    stand();
    return true;
  };
  return {
    store: (store: Store): Store => ({ ...store, leases: leasesWith(store.leases, reach) }),
    journals: (journals: Journals): Journals => ({
      ...journals,
      open: async (worker) => journalWith(await journals.open(worker), reach),
    }),
    connect: (async (endpoint, context) => {
      const transport = await createSshConnector(context.clock).connect(endpoint, context);
      return transportWith(transport, reach);
    }) satisfies TransportFactory,
  };
}

type Reach = (here: Point) => boolean;

function leasesWith(leases: Store["leases"], reach: Reach): Store["leases"] {
  return {
    ...leases,
    async claim(...given) {
      const answer = await leases.claim(...given);
      if (answer.claims.length === 0) return answer;
      if (reach("claim-reply-lost")) throw new StoreError("STORE_UNAVAILABLE", "the reply was lost");
      reach("claimed");
      return answer;
    },
    async intent(...given) {
      const answer = await leases.intent(...given);
      // A worker that no server has seen yet is asked to come again: nothing is stored then.
      if (answer.answer === "OK") reach("intent-stored");
      return answer;
    },
    async finish(...given) {
      // Reads have no journal: this is the last moment before their end is told.
      reach("last-answered");
      const answer = await leases.finish(...given);
      reach("end-told");
      return answer;
    },
  };
}

function journalWith(journal: Journal, reach: Reach): Journal {
  return {
    ...journal,
    async write(entry) {
      if (entry.kind === "done") reach("last-answered");
      await journal.write(entry);
      reach(entry.kind === "intent" ? "intent-journaled" : "done-journaled");
    },
  };
}

function transportWith(transport: Transport, reach: Reach): Transport {
  return {
    ...transport,
    get closed() {
      return transport.closed;
    },
    async openShell(columns, rows) {
      const channel = await transport.openShell(columns, rows);
      reach("logged-in");
      return channelWith(channel, reach);
    },
  };
}

/** The second of the job's lines is the one that is cut. */
const second = /j\d+s2\b/;

function channelWith(channel: Channel, reach: Reach): Channel {
  let sent = false;
  return {
    ...channel,
    write(data) {
      if (!second.test(data)) return channel.write(data);
      const half = Math.ceil(data.length / 2);
      channel.write(data.slice(0, half));
      reach("line-half-written");
      channel.write(data.slice(half));
      sent = true;
      // What is written in one turn leaves at its end where the ciphers are not compiled.
      process.nextTick(reach, "line-sent");
    },
    listen(listener) {
      channel.listen({
        ...listener,
        data(bytes, stream) {
          if (sent) reach("mid-output");
          listener.data(bytes, stream);
          if (sent && /#\s*$/.test(bytes.toString("latin1"))) reach("between-lines");
        },
      });
    },
  };
}
