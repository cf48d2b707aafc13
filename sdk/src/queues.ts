import { createClient } from "@connectrpc/connect";
import { present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import { QueueService, type Limit, type ListQueuesResponse, type Queue } from "./v1.js";

/** Which zones are meant. Default: all. */
export interface ZoneFilter {
  readonly zones?: readonly string[] | undefined;
}

/** Where a named queue or a limit is. A device's line is in the device's zone. */
export interface InZone {
  /** Default "default". */
  readonly zone?: string | undefined;
}

/** Shows lines of work, pauses them, and limits how much runs at a time. Queues and limits hold within a zone. */
export interface Queues {
  /** The named queues that have been used, by zone and name. */
  list(filter?: ZoneFilter, options?: CallOptions): Promise<Queue[]>;
  /** The same, and who stopped changes everywhere, when somebody did. */
  overview(filter?: ZoneFilter, options?: CallOptions): Promise<ListQueuesResponse>;
  /** One queue: a named one, or a device's own line, "device/<name>". */
  get(name: string, options?: CallOptions & InZone): Promise<Queue>;
  /** Keeps every job of a queue from starting. What runs goes on. */
  pause(name: string, options?: CallOptions & InZone & { readonly reason?: string | undefined }): Promise<Queue>;
  /** Lets the jobs of a queue start again. */
  resume(name: string, options?: CallOptions & InZone): Promise<Queue>;
  /** The limits on parallel work, by zone and name. */
  limits(filter?: ZoneFilter, options?: CallOptions): Promise<Limit[]>;
  /**
   * Limits how many jobs run at a time: in "queue/<name>", of "caller/<name>", or with each value of "label/<key>".
   * 0 lifts the limit.
   */
  setLimit(name: string, maxRunning: number, options?: CallOptions & InZone): Promise<Limit>;
}

/** Makes the queues' part of a client. */
export function createQueues(connection: Connection): Queues {
  const client = createClient(QueueService, connection.transport);
  return {
    async list({ zones = [] } = {}, options = {}) {
      const request = { zones: [...zones] };
      return (await callUnary(connection, options, (call) => client.listQueues(request, call))).queues;
    },
    overview({ zones = [] } = {}, options = {}) {
      const request = { zones: [...zones] };
      return callUnary(connection, options, (call) => client.listQueues(request, call));
    },
    async get(name, { zone = "", ...options } = {}) {
      return present((await callUnary(connection, options, (call) => client.getQueue({ name, zone }, call))).queue);
    },
    async pause(name, { zone = "", reason = "", ...options } = {}) {
      const request = { name, zone, reason };
      return present((await callUnary(connection, options, (call) => client.pauseQueue(request, call))).queue);
    },
    async resume(name, { zone = "", ...options } = {}) {
      return present((await callUnary(connection, options, (call) => client.resumeQueue({ name, zone }, call))).queue);
    },
    async limits({ zones = [] } = {}, options = {}) {
      const request = { zones: [...zones] };
      return (await callUnary(connection, options, (call) => client.listLimits(request, call))).limits;
    },
    async setLimit(name, maxRunning, { zone = "", ...options } = {}) {
      const request = { name, zone, maxRunning };
      return present((await callUnary(connection, options, (call) => client.setLimit(request, call))).limit);
    },
  };
}
