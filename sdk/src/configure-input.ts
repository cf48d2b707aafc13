import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "./time.js";
import { ConfigKind, ConfigMode, type ConfigureOperationSchema } from "./v1.js";

/** A command that only reads, and what its output must and must not hold: literal texts. */
export interface ConfigCheckInput {
  readonly command: string;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
}

/** A change of a device's configuration. */
export interface ConfigureInput {
  /** Lines as typed, indentation kept; or a whole text. Left out with `linesOf` and `beforeJob`. */
  readonly lines?: readonly string[] | string | undefined;
  /** Takes the lines of an earlier configuration job of the device, by its id. */
  readonly linesOf?: string | undefined;
  /**
   * Goes back to what ran before this job, by its id, which must have kept it (`keepBeforeAfter`). Plan it first, and give
   * the plan's `planHash`.
   */
  readonly beforeJob?: string | undefined;
  /** "merge" adds lines, "replace" is a whole configuration, "set" the platform's flat form. Default "merge". */
  readonly kind?: "merge" | "replace" | "set" | undefined;
  /**
   * "plan" tells the difference and changes nothing. "apply" makes the change. "apply-confirmed" makes it so that the
   * device takes it back by itself, and confirms it through a new session. "reconcile" tells of each line whether it stands
   * in the running configuration. Default "apply".
   */
  readonly mode?: "plan" | "apply" | "apply-confirmed" | "reconcile" | undefined;
  /** Saves the running configuration at the end. Default false. */
  readonly save?: boolean | undefined;
  /** For "apply-confirmed": when the device takes the change back, in milliseconds. Default 5 min. */
  readonly confirmTimeoutMs?: number | undefined;
  /**
   * The last line, or the commit, may cut the way to the device, which is then waited for this many milliseconds.
   * Default: it is not waited for.
   */
  readonly waitForReturnMs?: number | undefined;
  /** Must hold before anything is changed. */
  readonly preChecks?: readonly ConfigCheckInput[] | undefined;
  /** Must hold after the change, or it is neither confirmed nor saved. */
  readonly postChecks?: readonly ConfigCheckInput[] | undefined;
  /** The `planHash` of a plan: the change is refused when lines or running configuration are others by now. */
  readonly planHash?: string | undefined;
  /** Keeps the running configuration, before and after, in the result. Default false. */
  readonly keepBeforeAfter?: boolean | undefined;
  /**
   * Allows what is known of the platform from documents only; `devices.platforms()` says which. Without it such work is
   * refused with CONSENT_REQUIRED. Default false.
   */
  readonly acceptUnproven?: boolean | undefined;
  /** Allows a confirm timeout that reboots the device when it runs out. Default false. */
  readonly acceptReboot?: boolean | undefined;
}

const modes = {
  plan: ConfigMode.PLAN,
  apply: ConfigMode.APPLY,
  "apply-confirmed": ConfigMode.APPLY_CONFIRMED,
  reconcile: ConfigMode.RECONCILE,
  default: ConfigMode.UNSPECIFIED,
} as const;

const kinds = {
  merge: ConfigKind.MERGE,
  replace: ConfigKind.REPLACE,
  set: ConfigKind.SET,
  default: ConfigKind.UNSPECIFIED,
} as const;

/** Checks in the contract's form. */
export function checkMessages(list: readonly ConfigCheckInput[] = []) {
  return list.map(({ command, include = [], exclude = [] }) => ({
    ...{ command, include: [...include], exclude: [...exclude] },
  }));
}

/** The change in the contract's form. */
export function configureMessage(input: ConfigureInput): MessageInitShape<typeof ConfigureOperationSchema> {
  const { lines, mode = "default", save = false, planHash = "", keepBeforeAfter = false, confirmTimeoutMs } = input;
  return {
    ...(lines === undefined
      ? {}
      : {
          input:
            typeof lines === "string"
              ? { case: "text" as const, value: lines }
              : { case: "lines" as const, value: { lines: [...lines] } },
        }),
    linesOf: input.linesOf ?? "",
    beforeJob: input.beforeJob ?? "",
    kind: kinds[input.kind ?? "default"],
    mode: modes[mode],
    save,
    ...(confirmTimeoutMs === undefined ? {} : { confirmTimeout: durationFromMs(confirmTimeoutMs) }),
    ...(input.waitForReturnMs === undefined ? {} : { waitForReturn: durationFromMs(input.waitForReturnMs) }),
    preChecks: checkMessages(input.preChecks),
    postChecks: checkMessages(input.postChecks),
    planHash,
    keepBeforeAfter,
    acceptUnproven: input.acceptUnproven ?? false,
    acceptReboot: input.acceptReboot ?? false,
  };
}
