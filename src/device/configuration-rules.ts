import type { Answer } from "./session.js";

/** What a claim of a definition rests on: seen on the vendor's own software, on a recording of it, or only read about. */
export type Evidence = "real_cli" | "recorded" | "documents";

/** A line the engine types to get somewhere. `{session}`, `{seconds}`, `{minutes}` and `{clock}` (HH:MM:SS) are filled in. */
export interface ConfigurationStep {
  readonly send: string;
  /** The mode it is typed in, where that is not the one the work is in; the session returns from it. */
  readonly mode: string | undefined;
  /** What it may ask, with the platform's own answer. */
  readonly answers: readonly Answer[];
  /** A line of output that says it is done; without one it counts as rejected. Undefined: silence is consent. */
  readonly expect: RegExp | undefined;
}

/** Lines between which the device shows no prompt of its own, such as a banner's text. */
export interface ConfigurationBlock {
  /** The line that opens it; a group `delimiter` catches what closes it. */
  readonly start: RegExp;
  /** What the device says to ask for the rest. Until then nothing more is typed. */
  readonly invite: RegExp;
  /** The line that closes it, where it is not the delimiter that does. */
  readonly end: RegExp | undefined;
}

/** How a platform that edits a candidate shows, checks, commits and drops it. */
export interface CandidateRules {
  readonly diff: ConfigurationStep;
  readonly check: ConfigurationStep | undefined;
  readonly commit: ConfigurationStep;
  readonly discard: ConfigurationStep;
  /** Empties the candidate, so that what is typed takes the place of everything. */
  readonly empty: ConfigurationStep | undefined;
}

/** How a platform takes a change back by itself unless it is confirmed in time. */
export interface ConfirmedRules {
  readonly evidence: Evidence;
  /** Opens the configuration under a timer, where lines take effect at once. */
  readonly enter: ConfigurationStep | undefined;
  /** Commits the candidate under a timer. */
  readonly commit: ConfigurationStep | undefined;
  /** Starts the timer in an open configuration, before the first line of a change. */
  readonly arm: ConfigurationStep | undefined;
  readonly confirm: ConfigurationStep;
  /** Takes the change back at once. Undefined: only the end of the timer does. */
  readonly revert: ConfigurationStep | undefined;
  /** The end of the timer reboots the device. */
  readonly reboots: boolean;
  /** `same`: the confirmation and the timer belong to the session that committed; its end takes the change back. */
  readonly session: "new" | "same";
  /** Bounds of the timer in seconds. */
  readonly minSeconds: number;
  readonly maxSeconds: number;
}

/** How a platform shows its configuration one setting a line, each with its whole path, as settings are typed. */
export interface FlatRules extends ConfigurationStep {
  /** The word that a setting begins with, and the one that takes it away. */
  readonly set: string;
  readonly delete: string;
}

/** How a platform is configured. */
export interface ConfigurationRules {
  /** Of entering, typing lines and leaving. */
  readonly evidence: Evidence;
  /** The platform's. */
  readonly helpKey: string;
  /** The mode around the configuration: the running configuration is read, saved and confirmed there. */
  readonly base: string;
  /** The mode that lines are typed in. */
  readonly mode: string;
  /** Says, by its `expect`, that somebody is there to take lines. Undefined: a device that lets us in takes them. */
  readonly ready: ConfigurationStep | undefined;
  readonly enter: ConfigurationStep;
  readonly leave: ConfigurationStep;
  readonly running: ConfigurationStep;
  /** Undefined: the platform has no such form, or its running configuration has it never. */
  readonly flat: FlatRules | undefined;
  /** The word before a line that takes it away, such as `no`. Undefined: lines are taken away otherwise. */
  readonly negate: string | undefined;
  /** The line that leaves a section for the one around it. */
  readonly up: string | undefined;
  readonly save: (ConfigurationStep & { readonly evidence: Evidence }) | undefined;
  readonly candidate: CandidateRules | undefined;
  readonly confirmed: ConfirmedRules | undefined;
  /** Lines of output that reject a line, beside the platform's own. */
  readonly errors: RegExp | undefined;
  /** Lines of input that mean nothing. */
  readonly comment: RegExp | undefined;
  /** Lines of input that would leave, commit, save or run something else: never typed. */
  readonly refused: RegExp | undefined;
  readonly blocks: readonly ConfigurationBlock[];
  /** Lines of the running configuration that are not configuration, or change by themselves. */
  readonly ignore: RegExp | undefined;
  /** Lines that open a section, also when what follows is not indented. */
  readonly sections: RegExp | undefined;
  /** Lines that open a section which stays: its lines are taken away one by one. */
  readonly lasting: RegExp | undefined;
  /** Lines that are taken away by the group `stem` alone. */
  readonly bare: RegExp | undefined;
  /** Lines of which there is one: the group `stem` is what another of its kind begins with as well. */
  readonly single: RegExp | undefined;
}

/** Puts values into a step. */
export function fillStep(step: ConfigurationStep, session: string, seconds = 0): ConfigurationStep {
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, "0");
  const values: Readonly<Record<string, string>> = {
    session,
    seconds: String(Math.trunc(seconds)),
    minutes: String(Math.ceil(seconds / 60)),
    clock: `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`,
  };
  return {
    ...step,
    send: step.send.replace(/\{(session|seconds|minutes|clock)\}/g, (_, name: string) => values[name] ?? ""),
  };
}
