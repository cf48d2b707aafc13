/** What the server knows of platforms. The same data drives the worker's engine. */
export interface PlatformCatalogue {
  names(): readonly string[];
  has(name: string): boolean;
  /** Every platform, by name. */
  describe(): readonly PlatformDescription[];
  /** Whether all of a line is known to change nothing on this platform. */
  isReadOnly(platform: string, line: string): boolean;
  /** The lines that can never be typed into this platform's configuration: `index` from 0. */
  configurationProblems(
    platform: string,
    lines: readonly string[],
  ): readonly { readonly index: number; readonly problem: string }[];
}

/** A platform for people. */
export interface PlatformDescription {
  readonly name: string;
  readonly description: string;
  readonly modes: readonly string[];
  /** "shell" or "exec". */
  readonly channel: string;
  /** How it is configured; absent where it cannot be. Evidence is `real_cli`, `recorded` or `documents`. */
  readonly configuration?: {
    readonly evidence: string;
    readonly candidate: boolean;
    readonly confirmed?: { readonly evidence: string; readonly minSeconds: number; readonly maxSeconds: number };
    readonly saveEvidence?: string;
  };
}
