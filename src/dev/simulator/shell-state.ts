import type { Clock } from "../../domain/clock.js";
import type { DeviceState } from "./device-state.js";

/** State of one Unix shell. */
export interface ShellState {
  readonly device: DeviceState;
  readonly clock: Clock;
  user: string;
  /** `PS1` when it was set, with the few escapes that prompts use. */
  promptText: string | undefined;
  status: number;
  readonly setEcho: (on: boolean) => void;
  readonly close: () => void;
}
