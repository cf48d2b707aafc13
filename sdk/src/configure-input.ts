import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "./time.js";
import { ConfigMode, type ConfigureOperationSchema } from "./v1.js";

/** A command that only reads, and what its output must and must not hold: literal texts. */
export interface ConfigCheckInput {
  readonly command: string;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
}

/** A change of a device's configuration. */
export interface ConfigureInput {
  /** Lines as typed, indentation kept; or a whole text. */
  readonly lines: readonly string[] | string;
  /**
   * "plan" tells the difference and changes nothing. "apply" makes the change. "apply-confirmed" makes it so that the
   * device takes it back by itself, and confirms it through a new session. Default "apply".
   */
  readonly mode?: "plan" | "apply" | "apply-confirmed" | undefined;
  /** Saves the running configuration at the end. Default false. */
  readonly save?: boolean | undefined;
  /** For "apply-confirmed": when the device takes the change back, in milliseconds. Default 5 min. */
  readonly confirmTimeoutMs?: number | undefined;
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
  default: ConfigMode.UNSPECIFIED,
} as const;

/** The change in the contract's form. */
export function configureMessage(input: ConfigureInput): MessageInitShape<typeof ConfigureOperationSchema> {
  const { lines, mode = "default", save = false, planHash = "", keepBeforeAfter = false, confirmTimeoutMs } = input;
  const checks = (list: readonly ConfigCheckInput[] = []) =>
    list.map(({ command, include = [], exclude = [] }) => ({ command, include: [...include], exclude: [...exclude] }));
  return {
    input: typeof lines === "string" ? { case: "text", value: lines } : { case: "lines", value: { lines: [...lines] } },
    mode: modes[mode],
    save,
    ...(confirmTimeoutMs === undefined ? {} : { confirmTimeout: durationFromMs(confirmTimeoutMs) }),
    preChecks: checks(input.preChecks),
    postChecks: checks(input.postChecks),
    planHash,
    keepBeforeAfter,
    acceptUnproven: input.acceptUnproven ?? false,
    acceptReboot: input.acceptReboot ?? false,
  };
}
