import type { DeviceState } from "./device-state.js";
import type { CommandIo } from "./interpreter.js";
import type { CliPersonality } from "./personality.js";
import type { RunningConfig } from "./running-config.js";

/** What the commands of one session on a network device act on. */
export interface NetworkSession {
  readonly device: DeviceState;
  readonly cli: CliPersonality;
  /** The mode we are in is the last; configuration sections carry the line that opened them, and its values. */
  readonly modes: { mode: string; line?: string; values?: Readonly<Record<string, string>> }[];
  /** The configuration session that lines go to, where one is open. */
  candidate: { readonly name: string; readonly running: RunningConfig } | undefined;
  /** Rows on a page as `terminal length` said; undefined before. */
  length: number | undefined;
  readonly close: () => void;
  readonly reload: () => void;
}

/** What a command does, when it is not over at once. */
export type Action = (
  session: NetworkSession,
  values: Readonly<Record<string, string>>,
  negated: boolean,
  io: CommandIo | undefined,
) => Promise<void> | undefined;
