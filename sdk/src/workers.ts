import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import { ListWorkersRequestSchema, WorkerService, type Worker } from "./v1.js";

/** Which workers are meant: fields are joined by AND, the values of a field by OR; empty means all. */
export type WorkerFilterInit = MessageInitShape<typeof ListWorkersRequestSchema>;

/** Shows the processes that do the work. */
export interface Workers {
  /** Workers by name. */
  list(filter?: WorkerFilterInit, options?: CallOptions): Promise<Worker[]>;
}

/** Makes the workers' part of a client. */
export function createWorkers(connection: Connection): Workers {
  const client = createClient(WorkerService, connection.transport);
  return {
    async list(filter = {}, options = {}) {
      const request = create(ListWorkersRequestSchema, filter);
      return (await callUnary(connection, options, (call) => client.listWorkers(request, call))).workers;
    },
  };
}
