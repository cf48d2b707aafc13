/** What the server knows of platforms. The same data drives the worker's engine. */
export interface PlatformCatalogue {
  names(): readonly string[];
  has(name: string): boolean;
  /** Every platform, by name. */
  describe(): readonly PlatformDescription[];
  /** Whether all of a line is known to change nothing on this platform. */
  isReadOnly(platform: string, line: string): boolean;
}

/** A platform for people. */
export interface PlatformDescription {
  readonly name: string;
  readonly description: string;
  readonly modes: readonly string[];
  /** "shell" or "exec". */
  readonly channel: string;
}
