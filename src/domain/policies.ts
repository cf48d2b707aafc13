import type { RecurringTimes } from "./closed-times.js";
import type { CommandRule } from "./command-rules.js";
import type { Policy, PolicyScope } from "./policy.js";

/** A time in which no change starts; without an end, until it is taken away. */
export interface Freeze extends Policy {
  readonly scope: PolicyScope;
  readonly startMs: number;
  readonly endMs?: number;
}

/** Times in which changes may start; outside of them they wait. */
export interface ChangeWindow extends Policy {
  readonly scope: PolicyScope;
  readonly times: readonly RecurringTimes[];
}

/** That no change step starts anywhere. */
export type ChangeStop = Omit<Policy, "name">;

/** Policies by kind. */
export interface Policies {
  readonly freeze: Freeze;
  readonly window: ChangeWindow;
  readonly rule: CommandRule;
}

/** Under which name jobs wait for the lifting of a stop of changes. */
export const stopName = "stop/changes";
