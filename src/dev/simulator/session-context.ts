import type { Clock } from "../../domain/clock.js";
import type { DeviceState } from "./device-state.js";
import type { SessionFaults } from "./faults.js";
import type { Interpreter } from "./interpreter.js";
import type { JournalKind } from "./journal.js";

/** What one SSH connection offers to the channels on it. */
export interface SessionContext {
  readonly device: DeviceState;
  readonly clock: Clock;
  /** Session name for the journal. */
  readonly session: string;
  readonly faults: SessionFaults;
  record(kind: JournalKind, mode: string, line: string): void;
  createInterpreter(options: {
    readonly mode: string;
    readonly setEcho: (on: boolean) => void;
    readonly close: () => void;
  }): Interpreter;
  /** Cuts the connection: what was written still leaves, then TCP ends without a word of SSH. */
  cut(): void;
  /** Ends the connection in good order. */
  end(): void;
}
