import type { PlatformCommands } from "../domain/command-rules.js";
import type { ConfigurationRules, Evidence } from "./configuration-rules.js";
import type { IdentityRules } from "./identity-rules.js";
import type { ReadOnlyRules } from "./read-only.js";

/** Which of the account's texts answers a question. */
export type SecretName = "username" | "password" | "enable";

/** A question that the engine answers by itself, at most once. */
export interface Question {
  /** Matched against the last line. */
  readonly match: RegExp;
  /** From the account, or the literal text. */
  readonly answer: { readonly secret: SecretName } | { readonly text: string };
  /** The answer is a key press: no line end follows it. */
  readonly isKey: boolean;
}

/** One edge of the mode graph. */
export interface Transition {
  readonly from: string;
  readonly to: string;
  readonly send: string;
  readonly ask: readonly Question[];
  /** Lines that say why the edge was refused. */
  readonly fail: readonly RegExp[];
}

/** A mode and what its prompt looks like. */
export interface Mode {
  readonly name: string;
  /** Matched against the last line; the group `host` is the device's name. */
  readonly prompt: RegExp;
  /** What the line above the prompt must be, where the prompt alone does not tell the mode. */
  readonly below: RegExp | undefined;
}

/** Where a definition comes from. */
export interface PlatformOrigin {
  /** The operator's file, without its folder; undefined: it comes with Pointsman. */
  readonly file: string | undefined;
  /** It stands in the place of one that comes with Pointsman. */
  readonly overridesBuiltIn: boolean;
  /** When the operator's file was read, in milliseconds since the epoch. */
  readonly loadedAt: number | undefined;
}

/** What a device can take. */
export interface DeviceLimits {
  /** Sessions of ours at a time, so that lines are left for people. Default: any number. */
  readonly maxSessions?: number;
  /** Connections begun in a minute. Default: any number. */
  readonly connectsPerMinute?: number;
  /** Of these, as many at once where none came for a while. Default 5. */
  readonly connectBurst?: number;
}

/** One kind of device, compiled from its definition. */
export interface Platform {
  /** e.g. `cisco_ios`. */
  readonly name: string;
  readonly description: string;
  /** What others call it, as folders and files of their data are named. */
  readonly knownAs: readonly string[];
  readonly origin: PlatformOrigin;
  /** Of login, prompts, paging and rejections; the configuration has its own. */
  readonly evidence: Evidence;
  /** `shell`: one terminal, prompts tell when a command is over. `exec`: a channel and an exit status per command. */
  readonly channel: "shell" | "exec";
  /** Size of the terminal that is asked for. */
  readonly terminal: { readonly columns: number; readonly rows: number };
  /** What the Enter key sends. */
  readonly newline: string;
  /** Appended to the account's name at login, where the device takes options there. */
  readonly userSuffix: string;
  /** Prompt and line are painted several times, with blanks to the edge of the screen between. */
  readonly repaints: boolean;
  /** The prompt is shown again as soon as a line is accepted, and taken away when its output comes. */
  readonly promptsEarly: boolean;
  /** Asks for help wherever it is typed, so that no line can hold it. Empty: no key does. */
  readonly helpKey: string;
  /** In the order in which prompts are tried. Empty for `exec`. */
  readonly modes: readonly Mode[];
  /** Matches lines directly above a prompt that belong to it and are no output. */
  readonly above: RegExp | undefined;
  readonly transitions: readonly Transition[];
  /** Questions that may come before the first prompt. */
  readonly loginQuestions: readonly Question[];
  /** Sent after login; each may be refused without harm. */
  readonly onOpen: readonly string[];
  /** Sent before hanging up, so that the device frees its line at once. */
  readonly onClose: readonly string[];
  /** Last lines that wait for a key, and the key that goes on. */
  readonly pagers: readonly { readonly match: RegExp; readonly send: string }[];
  /** Matches a line of output that says the command was rejected. */
  readonly errors: RegExp | undefined;
  /** Matches a last line that asks a person something. */
  readonly questions: RegExp | undefined;
  /** Matches a log message that the device may print at any moment. */
  readonly log: RegExp | undefined;
  /** Matches a command line that changes the device's name; the group `host` is the new one. */
  readonly rename: RegExp | undefined;
  /** A longer host name may be cut in prompts, but never to fewer characters. 0: never cut. */
  readonly hostKept: number;
  /** What stands between the host name and a view's name in prompts; empty where none is shown. */
  readonly hostFollowedBy: string;
  /** The mode that work starts in, where a login may end elsewhere: in a shell below it. */
  readonly home: string | undefined;
  readonly readOnly: ReadOnlyRules;
  /** How it says who it is. */
  readonly identity: IdentityRules;
  /** How its lines are divided into commands, and which of these are denied unless that is lifted. */
  readonly commands: PlatformCommands;
  /** How it is configured by lines; undefined where that cannot be done. */
  readonly configuration: ConfigurationRules | undefined;
  /** Matched against lines of output; the group `secret` is to be removed. */
  readonly secrets: readonly RegExp[];
  readonly limits: DeviceLimits;
  /** The definition's own proofs. */
  readonly vectors: PlatformVectors;
}

/** What a definition claims about itself, checked in the tests of this repository and of whoever adds a platform. */
export interface PlatformVectors {
  /** `mode` null: no prompt. In a text of two lines the first stands above the prompt. */
  readonly prompts: readonly { readonly text: string; readonly mode: string | null; readonly host?: string }[];
  readonly errors: readonly string[];
  readonly notErrors: readonly string[];
  readonly questions: readonly string[];
  readonly notQuestions: readonly string[];
  readonly redact: readonly { readonly in: string; readonly out: string }[];
  readonly readOnly: readonly string[];
  readonly notReadOnly: readonly string[];
  readonly denied: readonly string[];
  readonly notDenied: readonly string[];
  readonly serials: readonly { readonly text: string; readonly serials: readonly string[] }[];
  readonly renames: readonly { readonly command: string; readonly host: string | null }[];
}
