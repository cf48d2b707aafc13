import { FiringCause, MisfirePolicy, OverlapPolicy, RunState, ScheduleOutcome, ScheduleState } from "@pointsman/sdk/v1";
import {
  type FiringCause as CauseName,
  misfirePolicies,
  type MisfirePolicy as MisfireName,
  overlapPolicies,
  type OverlapPolicy as OverlapName,
  type ScheduleOutcome as OutcomeName,
} from "../../domain/schedule.js";
import type { ScheduleRecord } from "../../store/store.js";

/** The domain's name of an overlap policy; SKIP unless another is given. */
export function overlapName(policy: OverlapPolicy): OverlapName {
  return overlapPolicies.find((name) => OverlapPolicy[name] === policy) ?? "SKIP";
}

/** The domain's name of a misfire policy; ONE unless another is given. */
export function misfireName(policy: MisfirePolicy): MisfireName {
  return misfirePolicies.find((name) => MisfirePolicy[name] === policy) ?? "ONE";
}

export const overlapPolicy = (name: OverlapName): OverlapPolicy => OverlapPolicy[name];
export const misfirePolicy = (name: MisfireName): MisfirePolicy => MisfirePolicy[name];
export const scheduleOutcome = (name: OutcomeName): ScheduleOutcome => ScheduleOutcome[name];
export const firingCause = (name: CauseName): FiringCause => FiringCause[name];

/** The contract's state of a run, of which a history keeps the name. */
export function runStateNamed(name: string | undefined): RunState {
  return RunState[name as keyof typeof RunState] ?? RunState.UNSPECIFIED;
}

/** Where a schedule is: one that waits for the end of a run has another time before it. */
export function scheduleState({ paused, nextMs, liveRuns, rule }: ScheduleRecord): ScheduleState {
  if (paused) return ScheduleState.PAUSED;
  const waits = liveRuns > 0 && rule.timing.kind === "interval" && rule.timing.fixedDelay;
  return nextMs === undefined && !waits ? ScheduleState.ENDED : ScheduleState.ACTIVE;
}
