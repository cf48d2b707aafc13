import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import {
  ChangeWindowSchema,
  CommandAction,
  CommandRuleSchema,
  FreezeSchema,
  PolicyService,
  type ChangeStop,
  type ChangeWindow,
  type CommandRule,
  type Freeze,
} from "./v1.js";

/** A freeze to make: name, and scope, start, end and reason where they matter. */
export type FreezeInput = MessageInitShape<typeof FreezeSchema>;
/** A change window to make: name, times, and scope and reason where they matter. */
export type ChangeWindowInput = MessageInitShape<typeof ChangeWindowSchema>;

/** A command rule to make: name, action, patterns, and whom and what it holds for where that matters. */
export interface CommandRuleInput {
  readonly name: string;
  /** "deny": its commands are not sent. "allow": they are, although the platform's own list denies them. */
  readonly action: "deny" | "allow";
  /** Beginnings of commands, word by word: "write erase", "request system zeroize|reboot", "rel(oad)", "*". */
  readonly patterns: readonly string[];
  /** Commands that certainly begin so are none of the rule's. */
  readonly except?: readonly string[] | undefined;
  readonly scope?: FreezeInput["scope"] | undefined;
  readonly platforms?: readonly string[] | undefined;
  /** Names of API keys. */
  readonly callers?: readonly string[] | undefined;
  readonly reason?: string | undefined;
}

/** Says when changes may be made, which never keeps reads from starting, and which commands are sent at all. */
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
  /** Denies commands, or allows some that a platform's own list denies. */
  createCommandRule(rule: CommandRuleInput, options?: CallOptions): Promise<CommandRule>;
  /** The command rules by name. */
  listCommandRules(options?: CallOptions): Promise<CommandRule[]>;
  /** Forgets a command rule. */
  deleteCommandRule(name: string, options?: CallOptions): Promise<void>;
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
    async createCommandRule({ action, except = [], platforms = [], callers = [], ...input }, options = {}) {
      const rule = create(CommandRuleSchema, {
        ...{ name: input.name, reason: input.reason ?? "", patterns: [...input.patterns], except: [...except] },
        ...{ platforms: [...platforms], callers: [...callers] },
        action: action === "allow" ? CommandAction.ALLOW : CommandAction.DENY,
        ...(input.scope && { scope: input.scope }),
      });
      return present((await callUnary(connection, options, (call) => client.createCommandRule({ rule }, call))).rule);
    },
    async listCommandRules(options = {}) {
      return (await callUnary(connection, options, (call) => client.listCommandRules({}, call))).rules;
    },
    async deleteCommandRule(name, options = {}) {
      await callUnary(connection, options, (call) => client.deleteCommandRule({ name }, call));
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
