import type { Calendar } from "../domain/calendar.js";
import { closedTimes, type Span } from "../domain/closed-times.js";
import { type Policies, stopName } from "../domain/policies.js";
import { isSelective, type PolicyScope } from "../domain/policy.js";

/** Fields of a zone's freezes that are none: of which version of the policies they are, and who stopped changes. */
export const versionField = "#version";
export const stopField = "#stop";

/** What a policy closes, as the scripts of a zone read it (see freezes.lua). */
export interface Closure {
  readonly name: string;
  readonly text: string;
  /** For which devices; undefined: for everything. */
  readonly scope?: PolicyScope;
}

/** When a freeze or a change window closes what it holds for. */
export function closingTimes(
  calendar: Calendar,
  kind: "freeze" | "window",
  policy: Policies["freeze" | "window"],
  nowMs: number,
): readonly Span[] {
  if (kind === "window") return closedTimes(calendar, (policy as Policies["window"]).times, nowMs);
  const { startMs, endMs } = policy as Policies["freeze"];
  return [{ fromMs: startMs, ...(endMs === undefined ? {} : { toMs: endMs }) }];
}

/** A freeze or a change window as a zone's scripts read it. */
export function closureOf(
  calendar: Calendar,
  kind: "freeze" | "window",
  policy: Policies["freeze" | "window"],
  nowMs: number,
): Closure {
  const { scope } = policy;
  const spans = closingTimes(calendar, kind, policy, nowMs).map(
    ({ fromMs, toMs }) => `${Math.floor(fromMs)}-${toMs === undefined ? "" : Math.floor(toMs)}`,
  );
  return {
    name: `${kind}/${policy.name}`,
    text: [isSelective(scope) ? "some" : "all", ...spans].join(" "),
    scope,
  };
}

/** The stop of changes: for everything, with an open end. */
export const stopClosure: Closure = { name: stopName, text: "all 0-" };
