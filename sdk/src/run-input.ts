import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type JobConditions, workSpec } from "./job-input.js";
import { endpoint, type EndpointInput } from "./job-target.js";
import { type JobWork, operation } from "./job-work.js";
import { RunSpecSchema, type RunSpec } from "./v1.js";
import { optionalDuration } from "./time.js";

/** Which devices of the inventory are meant: fields are joined by AND, the values of a field by OR. */
export interface SelectorInput {
  /** Labels, all of which must stand on the device with this value. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly platforms?: readonly string[] | undefined;
  readonly zones?: readonly string[] | undefined;
  /** Every device there is. */
  readonly all?: boolean | undefined;
}

/** One target with what is its own. */
export type RunTargetInput = {
  /** Words of this target; they stand before the run's. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Labels of this target's job beside the others. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** What is done here in the place of the run's own work. */
  readonly work?: JobWork | undefined;
} & (
  | { readonly device: string; readonly endpoint?: undefined; readonly node?: undefined }
  | { readonly endpoint: EndpointInput; readonly device?: undefined; readonly node?: undefined }
  /** Name of a node, for `shell`, `http` and `task`. */
  | { readonly node: string; readonly device?: undefined; readonly endpoint?: undefined }
);

/** How the work goes from target to target. Default: everything at once, to the end. */
export interface RolloutInput {
  /** So many targets go first and alone; unless all succeed, the run stops. */
  readonly canary?: number | undefined;
  /** Targets in a batch behind the canary: a number, or percent of all, such as "10%". Default: all the rest in one. */
  readonly batch?: number | `${number}%` | undefined;
  /** Targets that may have started and not ended at a time. */
  readonly maxParallel?: number | undefined;
  /** The same for each value of a label of the devices. */
  readonly maxParallelByLabel?: Readonly<Record<string, number>> | undefined;
  /** Label whose value names a redundancy group: no two devices of one are worked on at a time. */
  readonly redundancyLabel?: string | undefined;
  /** Milliseconds between two batches. */
  readonly pauseBetweenMs?: number | undefined;
  /** Pauses behind the canary until somebody resumes the run. */
  readonly holdAfterCanary?: boolean | undefined;
  /** The run stops when so many targets have failed. */
  readonly maxFailures?: number | undefined;
  /** The same in percent of all targets. */
  readonly maxFailurePercent?: number | undefined;
  /** Percent of a batch that must succeed for the next to begin. */
  readonly minSuccessPercent?: number | undefined;
  /** Pauses where it would stop. */
  readonly pauseOnFailure?: boolean | undefined;
}

/** A run, in the words of this SDK. The form of the contract, `RunSpec`, is taken in its place everywhere. */
export type RunInput = JobWork &
  Omit<JobConditions, "dedupe"> & {
    /** Devices by name, in the order in which they are worked on. */
    readonly devices?: readonly string[] | undefined;
    /** Targets with something of their own, and devices given by address. */
    readonly targets?: readonly RunTargetInput[] | undefined;
    /** The devices that it meets when the run is created. */
    readonly selector?: SelectorInput | undefined;
    /** Every node that has a worker or had one within the last hour, for `shell` and `http`. */
    readonly allNodes?: boolean | undefined;
    readonly rollout?: RolloutInput | undefined;
    /** Words: {{name}} is replaced in commands, answers, lines of configuration, checks and label values. */
    readonly variables?: Readonly<Record<string, string>> | undefined;
    /** Labels of the run itself; `labels` are those of its jobs. */
    readonly runLabels?: Readonly<Record<string, string>> | undefined;
    /** What it is for, for people. */
    readonly description?: string | undefined;
  };

/** The contract's own form, as a message or as the plain object to make one from. */
export type RunSpecInit = MessageInitShape<typeof RunSpecSchema>;

/** Brings either form of a run into the contract's. */
export function runSpec(input: RunInput | RunSpecInit): RunSpec {
  return isRunInput(input) ? fromInput(input) : create(RunSpecSchema, input);
}

function isRunInput(input: RunInput | RunSpecInit): input is RunInput {
  return ["commands", "configure", "probe", "shell", "http", "task"].some((work) => work in input);
}

function fromInput(input: RunInput): RunSpec {
  const { selector } = input;
  return create(RunSpecSchema, {
    devices: [...(input.devices ?? [])],
    targets: (input.targets ?? []).map((target) => ({
      target: place(target),
      variables: { ...target.variables },
      labels: { ...target.labels },
      ...(target.work ? { operation: operation(target.work) } : {}),
    })),
    ...(selector
      ? {
          selector: {
            labels: { ...selector.labels },
            platforms: [...(selector.platforms ?? [])],
            zones: [...(selector.zones ?? [])],
            all: selector.all ?? false,
          },
        }
      : {}),
    allNodes: input.allNodes ?? false,
    job: workSpec(input),
    ...(input.rollout ? { rollout: rollout(input.rollout) } : {}),
    variables: { ...input.variables },
    labels: { ...input.runLabels },
    description: input.description ?? "",
  });
}

function place(target: RunTargetInput) {
  if (target.endpoint !== undefined) return { case: "endpoint" as const, value: endpoint(target.endpoint) };
  if (target.node !== undefined) return { case: "node" as const, value: target.node };
  return { case: "device" as const, value: target.device };
}

function rollout(input: RolloutInput): NonNullable<RunSpecInit["rollout"]> {
  const { batch } = input;
  return {
    canary: input.canary ?? 0,
    ...(batch === undefined
      ? {}
      : typeof batch === "number"
        ? { batch: { case: "batchSize", value: batch } }
        : { batch: { case: "batchPercent", value: percent(batch) } }),
    maxParallel: input.maxParallel ?? 0,
    maxParallelByLabel: Object.entries(input.maxParallelByLabel ?? {}).map(([label, maxParallel]) => ({
      label,
      maxParallel,
    })),
    redundancyLabel: input.redundancyLabel ?? "",
    ...optionalDuration("pauseBetween", input.pauseBetweenMs),
    holdAfterCanary: input.holdAfterCanary ?? false,
    maxFailures: input.maxFailures ?? 0,
    maxFailurePercent: input.maxFailurePercent ?? 0,
    minSuccessPercent: input.minSuccessPercent ?? 0,
    pauseOnFailure: input.pauseOnFailure ?? false,
  };
}

function percent(text: string): number {
  const value = Number(text.slice(0, -1));
  if (!Number.isInteger(value) || !text.endsWith("%")) throw new TypeError(`"${text}" is no whole number of percent`);
  return value;
}
