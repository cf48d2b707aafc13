import type { PlatformCommands } from "../../domain/command-rules.js";

/** What the server knows of platforms. The same data drives the worker's engine. */
export interface PlatformCatalogue {
  has(name: string): boolean;
  /** Every platform, by name. */
  describe(): Promise<readonly PlatformDescription[]>;
  /** Whether all of a line is known to change nothing on this platform. */
  isReadOnly(platform: string, line: string): boolean;
  /** Why a line can never be typed on this platform; undefined: it can be. */
  lineProblem(platform: string, line: string): string | undefined;
  /** The lines that can never be typed into this platform's configuration: `index` from 0. */
  configurationProblems(
    platform: string,
    lines: readonly string[],
  ): readonly { readonly index: number; readonly problem: string }[];
  /** How the platform's lines are divided into commands, and which of these it denies; undefined: no such platform. */
  commands(platform: string): PlatformCommands | undefined;
  /** The lines of a configuration that are typed one by one: `index` from 0. What is inside a block is none. */
  configurationLines(
    platform: string,
    lines: readonly string[],
  ): readonly { readonly index: number; readonly text: string }[];
  /** What saves the platform's configuration; undefined: nothing. */
  savingLine(platform: string): string | undefined;
  /** What a configuration of this platform needs consent to and lacks, in words for people; undefined: nothing. */
  missingConsent(platform: string, wish: ConfigurationWish): string | undefined;
  /** Why a change of a device with these sessions at a time cannot be confirmed, in words for people; undefined: it can. */
  confirmationProblem(platform: string, maxSessions: number | undefined): string | undefined;
}

/** What is wanted of a configuration, and what the caller agreed to. */
export interface ConfigurationWish {
  /** False for a plan. */
  readonly changes: boolean;
  /** Taken back by the device unless it is confirmed. */
  readonly confirmed: boolean;
  readonly save: boolean;
  readonly acceptUnproven: boolean;
  readonly acceptReboot: boolean;
}

/** A platform for people. */
export interface PlatformDescription {
  readonly name: string;
  readonly description: string;
  readonly modes: readonly string[];
  /** "shell" or "exec". */
  readonly channel: string;
  /** "built_in", or the name of the operator's file. */
  readonly origin: string;
  readonly overridesBuiltIn: boolean;
  /** Of login, prompts, paging and rejections: `real_cli`, `recorded` or `documents`. */
  readonly evidence: string;
  /** When an operator's definition was read, in milliseconds since the epoch. */
  readonly loadTime?: number;
  /** Commands that are sent to no device unless that is lifted. */
  readonly deniedCommands: readonly string[];
  /** How it is configured; absent where it cannot be. Evidence is `real_cli`, `recorded` or `documents`. */
  readonly configuration?: {
    readonly evidence: string;
    readonly candidate: boolean;
    readonly confirmed?: {
      readonly evidence: string;
      readonly minSeconds: number;
      readonly maxSeconds: number;
      readonly reboots: boolean;
    };
    readonly saveEvidence?: string;
  };
}
