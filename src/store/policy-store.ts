import type { CommandRule } from "../domain/command-rules.js";
import type { ChangeStop, Policies } from "../domain/policies.js";
import type { DeviceRecord } from "./device-store.js";

/** When changes may be made. What it says of a zone is spread to it, where claims see it. */
export interface PolicyStore {
  /** POLICY_EXISTS, TOO_MANY_POLICIES. Holds everywhere when this has resolved. */
  create<K extends keyof Policies>(kind: K, policy: Omit<Policies[K], "createMs">): Promise<Policies[K]>;
  /** By name. */
  list<K extends keyof Policies>(kind: K): Promise<readonly Policies[K][]>;
  /** The command rules, as they are now: cheap while they do not change. */
  commandRules(): Promise<readonly CommandRule[]>;
  /** POLICY_NOT_FOUND. What waited for it goes on. */
  remove(kind: keyof Policies, name: string): Promise<void>;
  /** Stops changes in every zone, or takes over who says so and why. */
  stop(stop: Omit<ChangeStop, "createMs">): Promise<ChangeStop>;
  /** Lets changes start again. Answers with what was lifted; undefined when they were not stopped. */
  allow(): Promise<ChangeStop | undefined>;
  stopped(): Promise<ChangeStop | undefined>;
  /** Brings a zone in line with the policies, if it is not, and lets jobs go on whose time has come. */
  keep(zone: string): Promise<void>;
  /** A device is new, or has changed: which policies hold for it follows. */
  follow(device: DeviceRecord): Promise<void>;
}
