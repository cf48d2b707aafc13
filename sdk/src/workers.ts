import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import { ListWorkersRequestSchema, WorkerService, type Worker } from "./v1.js";

/** Which workers are meant: fields are joined by AND, the values of a field by OR; empty means all. */
export type WorkerFilterInit = MessageInitShape<typeof ListWorkersRequestSchema>;

/** Shows the processes that do the work. */
export interface Workers {
  /**
   * Says that a worker whose journal is missing never returns, and gives how many devices take changes again. Look at
   * them first. WORKER_NOT_FOUND.
   */
  forget(name: string, options?: CallOptions): Promise<number>;
  /** Workers by name. */
  list(filter?: WorkerFilterInit, options?: CallOptions): Promise<Worker[]>;
}

/** Makes the workers' part of a client. */
export function createWorkers(connection: Connection): Workers {
  const client = createClient(WorkerService, connection.transport);
  return {
    async forget(name, options = {}) {
      return (await callUnary(connection, options, (call) => client.forgetWorker({ name }, call))).devices;
    },
    async list(filter = {}, options = {}) {
      const request = create(ListWorkersRequestSchema, filter);
      return (await callUnary(connection, options, (call) => client.listWorkers(request, call))).workers;
    },
  };
}
