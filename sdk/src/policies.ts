import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import {
  ChangeWindowSchema,
  FreezeSchema,
  PolicyService,
  type ChangeStop,
  type ChangeWindow,
  type Freeze,
} from "./v1.js";

/** A freeze to make: name, and scope, start, end and reason where they matter. */
export type FreezeInput = MessageInitShape<typeof FreezeSchema>;
/** A change window to make: name, times, and scope and reason where they matter. */
export type ChangeWindowInput = MessageInitShape<typeof ChangeWindowSchema>;

/** Says when changes may be made. Reads are never kept from starting by it. */
export interface Policies {
  /** Freezes changes for a time. */
  createFreeze(freeze: FreezeInput, options?: CallOptions): Promise<Freeze>;
  /** The freezes by name, those that are over included. */
  listFreezes(options?: CallOptions): Promise<Freeze[]>;
  /** Ends a freeze and forgets it. */
  deleteFreeze(name: string, options?: CallOptions): Promise<void>;
  /** Has changes wait for recurring times. */
  createWindow(window: ChangeWindowInput, options?: CallOptions): Promise<ChangeWindow>;
  /** The change windows by name. */
  listWindows(options?: CallOptions): Promise<ChangeWindow[]>;
  /** Forgets a change window: what waited for it goes on. */
  deleteWindow(name: string, options?: CallOptions): Promise<void>;
  /** Stops changes everywhere: none starts, and what runs stops before its next line, within a second. */
  stopChanges(reason: string, options?: CallOptions): Promise<ChangeStop>;
  /** Lets changes start again. Gives what was lifted; undefined when they were not stopped. */
  allowChanges(options?: CallOptions): Promise<ChangeStop | undefined>;
  /** Who stopped changes, when somebody did. */
  changeStop(options?: CallOptions): Promise<ChangeStop | undefined>;
}

/** Makes the policies' part of a client. */
export function createPolicies(connection: Connection): Policies {
  const client = createClient(PolicyService, connection.transport);
  return {
    async createFreeze(init, options = {}) {
      const freeze = create(FreezeSchema, init);
      return present((await callUnary(connection, options, (call) => client.createFreeze({ freeze }, call))).freeze);
    },
    async listFreezes(options = {}) {
      return (await callUnary(connection, options, (call) => client.listFreezes({}, call))).freezes;
    },
    async deleteFreeze(name, options = {}) {
      await callUnary(connection, options, (call) => client.deleteFreeze({ name }, call));
    },
    async createWindow(init, options = {}) {
      const window = create(ChangeWindowSchema, init);
      const answer = await callUnary(connection, options, (call) => client.createChangeWindow({ window }, call));
      return present(answer.window);
    },
    async listWindows(options = {}) {
      return (await callUnary(connection, options, (call) => client.listChangeWindows({}, call))).windows;
    },
    async deleteWindow(name, options = {}) {
      await callUnary(connection, options, (call) => client.deleteChangeWindow({ name }, call));
    },
    async stopChanges(reason, options = {}) {
      return present((await callUnary(connection, options, (call) => client.stopChanges({ reason }, call))).stop);
    },
    async allowChanges(options = {}) {
      return (await callUnary(connection, options, (call) => client.allowChanges({}, call))).lifted;
    },
    async changeStop(options = {}) {
      return (await callUnary(connection, options, (call) => client.getChangeStop({}, call))).stop;
    },
  };
}
