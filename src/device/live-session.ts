import type { NewBastionKey } from "./bastions.js";
import type { Session } from "./session.js";
import type { Transcript } from "./transcript.js";

/** What the pool knows of a session beyond what its user sees. */
export interface LiveSession extends Session {
  /** Keys of bastions on its way that were seen for the first time and accepted. */
  readonly newBastionKeys: readonly NewBastionKey[];
  /** Its state is known, so another job may have it. */
  readonly certain: boolean;
  /** Starts a new owner's time with it. */
  begin(options: {
    readonly reused: boolean;
    readonly beforeWrite?: (() => void) | undefined;
    readonly transcript?: Transcript | undefined;
  }): void;
  /** Ends it: guards and transcript are let go. `guard` stands before what is written until the next owner comes. */
  end(guard?: () => void): void;
  /** Something was printed since the last owner's time. */
  readonly heardUnasked: boolean;
  /** Asks for a fresh prompt and goes back to the mode of the login. Rejects when the device does not answer as it should. */
  refresh(signal?: AbortSignal): Promise<void>;
  /** Says goodbye in the device's own words where that is safe, then closes the connection. Never rejects. */
  close(): Promise<void>;
}
