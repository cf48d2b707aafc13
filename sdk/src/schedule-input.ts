import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { runSpec, type RunInput, type RunSpecInit } from "./run-input.js";
import { timestampFromDate, optionalDuration } from "./time.js";
import { IntervalMode, MisfirePolicy, OverlapPolicy, ScheduleSchema, type Schedule } from "./v1.js";

/** When a schedule fires: one of three ways. */
export type ScheduleTiming =
  | {
      /** Five fields (minute, hour, day of month, month, day of week), or six (second first). */
      readonly cron: string;
      /** IANA name. Default "UTC". */
      readonly timeZone?: string | undefined;
      readonly every?: undefined;
      readonly at?: undefined;
    }
  | {
      /** "every <integer> (seconds|minutes|hours)". */
      readonly every: string;
      /** Counts from the end of the run before instead of from its time. */
      readonly fixedDelay?: boolean | undefined;
      /** The first time is at once instead of one period later. */
      readonly startNow?: boolean | undefined;
      readonly cron?: undefined;
      readonly at?: undefined;
    }
  | { readonly at: Date; readonly cron?: undefined; readonly every?: undefined };

/** What a schedule has beside its times. Everything has a default but the run. */
export interface ScheduleFields {
  /** What is run. */
  readonly run: RunInput | RunSpecInit;
  /** Each time is put off by a part of this. Milliseconds. */
  readonly jitterMs?: number | undefined;
  readonly startTime?: Date | undefined;
  readonly endTime?: Date | undefined;
  /** What happens at a time while a run is under way. Default "skip". */
  readonly overlap?: "skip" | "queue-one" | "allow" | "cancel-previous" | undefined;
  /** What becomes of missed times. Default "one". */
  readonly misfire?: "skip" | "one" | "all" | undefined;
  /** A missed time older than this is not made up for. Milliseconds. Default one hour. */
  readonly misfireWindowMs?: number | undefined;
  /** Pauses itself after so many runs in a row that did not succeed. Default: never. */
  readonly pauseAfterFailures?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly description?: string | undefined;
}

/** A schedule to add, in the words of this SDK. The contract's own form is taken in its place everywhere. */
export type ScheduleInput = ScheduleTiming & ScheduleFields & { /** Default: one is made. */ readonly name?: string };

/** What of a schedule is changed: what is given, and only that. */
export type ScheduleChanges = Partial<ScheduleFields> &
  (ScheduleTiming | { readonly cron?: undefined; readonly every?: undefined; readonly at?: undefined });

/** The contract's own form, as a message or as the plain object to make one from. */
export type ScheduleInit = MessageInitShape<typeof ScheduleSchema>;

const overlaps = {
  skip: OverlapPolicy.SKIP,
  "queue-one": OverlapPolicy.QUEUE_ONE,
  allow: OverlapPolicy.ALLOW,
  "cancel-previous": OverlapPolicy.CANCEL_PREVIOUS,
} as const;

const misfires = { skip: MisfirePolicy.SKIP, one: MisfirePolicy.ONE, all: MisfirePolicy.ALL } as const;

/** Brings either form of a schedule into the contract's. */
export function scheduleMessage(input: ScheduleInput | ScheduleInit | ScheduleChanges): Schedule {
  return isContract(input) ? create(ScheduleSchema, input) : fromInput(input);
}

function isContract(input: ScheduleInput | ScheduleInit | ScheduleChanges): input is ScheduleInit {
  return "when" in input || "$typeName" in input;
}

/** The message of what is given, with defaults for the rest. */
export function fromInput(input: (ScheduleInput | ScheduleChanges) & { readonly name?: string | undefined }): Schedule {
  return create(ScheduleSchema, {
    name: input.name ?? "",
    ...timing(input),
    ...optionalDuration("jitter", input.jitterMs),
    ...(input.startTime && { startTime: timestampFromDate(input.startTime) }),
    ...(input.endTime && { endTime: timestampFromDate(input.endTime) }),
    overlapPolicy: input.overlap ? overlaps[input.overlap] : OverlapPolicy.UNSPECIFIED,
    misfirePolicy: input.misfire ? misfires[input.misfire] : MisfirePolicy.UNSPECIFIED,
    ...optionalDuration("misfireWindow", input.misfireWindowMs),
    pauseAfterFailures: input.pauseAfterFailures ?? 0,
    ...(input.run && { run: runSpec(input.run) }),
    labels: { ...input.labels },
    description: input.description ?? "",
  });
}

function timing(input: ScheduleInput | ScheduleChanges): ScheduleInit {
  if (input.cron !== undefined) {
    return { when: { case: "cron", value: input.cron }, timeZone: input.timeZone ?? "" };
  }
  if (input.every !== undefined) {
    return {
      when: { case: "every", value: input.every },
      intervalMode: input.fixedDelay ? IntervalMode.FIXED_DELAY : IntervalMode.FIXED_RATE,
      startNow: input.startNow ?? false,
    };
  }
  return input.at === undefined ? {} : { when: { case: "at", value: timestampFromDate(input.at) } };
}

/** The contract's paths of each of our fields, for an update mask. */
export const schedulePaths: Readonly<Record<string, readonly string[]>> = {
  cron: ["cron"],
  timeZone: ["time_zone"],
  every: ["every"],
  fixedDelay: ["interval_mode"],
  startNow: ["start_now"],
  at: ["at"],
  run: ["run"],
  jitterMs: ["jitter"],
  startTime: ["start_time"],
  endTime: ["end_time"],
  overlap: ["overlap_policy"],
  misfire: ["misfire_policy"],
  misfireWindowMs: ["misfire_window"],
  pauseAfterFailures: ["pause_after_failures"],
  labels: ["labels"],
  description: ["description"],
};
