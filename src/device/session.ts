import type { CryptoProfile } from "../domain/crypto-profile.js";
import type { HostKey } from "./host-key.js";

/** The answer to one question that a command is expected to ask. Each is used at most once, in any order. */
export interface Answer {
  /**
   * Literal text at the end of the last line, blanks at its end aside: `[confirm]`, `Destination filename
   * [startup-config]?`.
   */
  readonly question: string;
  /** Sent followed by a line end. Empty accepts the default. */
  readonly answer: string;
  /** The answer is a secret: kept out of errors and transcripts. Default false. */
  readonly hidden?: boolean;
}

/** What a command goes on with when a line of its output invites it: the text of a banner. */
export interface TypedBlock {
  readonly invite: RegExp;
  readonly lines: readonly string[];
}

/** One command line and the bounds it runs under. */
export interface CommandRequest {
  /** One line; control characters other than a tab are refused with a RangeError. */
  readonly command: string;
  /**
   * Longest silence in milliseconds; bytes from the device start it again, time in which `onOutput` holds us back does
   * not count.
   */
  readonly idleTimeoutMs: number;
  /** Longest time in milliseconds from the first byte sent to the prompt. */
  readonly totalTimeoutMs: number;
  readonly answers?: readonly Answer[];
  /** Lines of output that reject the command, beside the platform's own. */
  readonly rejects?: RegExp;
  /** Lines typed one by one, each behind the echo of the one before, once the device has asked for them. */
  readonly block?: TypedBlock;
  /** Abort sends Ctrl-C, waits up to 2 s for the prompt, then closes the channel; the command fails with CANCELLED. */
  readonly signal?: AbortSignal;
  /**
   * Called before every channel write; what it throws stops the write, closes the session and is what `run` rejects
   * with.
   */
  readonly beforeWrite?: () => void;
  /**
   * Cleaned output without echo and prompt, in order, as it arrives, in whole lines where there are lines; the
   * concatenation is the output. While a returned promise is pending, reading from the device pauses.
   */
  readonly onOutput?: (text: string) => void | Promise<void>;
  /** Most output in bytes of UTF-8. */
  readonly maxOutputBytes: number;
  /**
   * How long the prompt must stand still before it is believed, in milliseconds; default 0. Output that holds a line
   * like the prompt, and pauses exactly behind it, looks like the end of the command for that long. Where a prompt
   * stands right behind the echo, nothing was printed that could be taken for one: it is believed at once. Shells only.
   */
  readonly settleMs?: number;
  /**
   * A device that began its answer sooner than `settleMs` after what was typed has its prompt stand still for that time
   * only: what it prints on would be here as quickly. Default false. Shells only.
   */
  readonly settlesAsAnswered?: boolean;
  /**
   * Another command follows, which finds out what was printed behind a prompt that was believed too soon: that of an
   * answer in one piece is believed at once. Default false. Shells only.
   */
  readonly isFollowed?: boolean;
  /**
   * The connection may end with the command: every prompt must stand still, also one right behind the echo. Default
   * false. Shells only.
   */
  readonly expectDisconnect?: boolean;
  /**
   * Fails with PROMPT_NOT_FOUND when the command before this one turns out to have printed on. Default false. Shells
   * only.
   */
  readonly refuseLeftovers?: boolean;
  /** It is a step of the platform's own data, no line of the caller's: rules about commands do not hold for it. */
  readonly own?: boolean;
  /**
   * What happens beyond `maxOutputBytes`: `fail` (default) interrupts with OUTPUT_TOO_LARGE, `truncate` drops the rest.
   */
  readonly overflow?: "fail" | "truncate";
}

/** How a command ended, when it ended at a prompt (or, in an exec channel, with an exit status). */
export interface CommandOutcome {
  /** `rejected`: a line of the output is one of the platform's errors, or the exit status is not 0. */
  readonly status: "ok" | "rejected";
  /** The device's own words, redacted, at most 32 lines. For an exec channel the last lines of its standard error. */
  readonly errorLines: readonly string[];
  readonly durationMs: number;
  /** Exec channels only; 128 + n is not invented for signals: a killed command has none. */
  readonly exitStatus?: number;
  /** Exec channels only: the signal that killed it, such as `SIGKILL`. */
  readonly signal?: string;
  /** Output was dropped because of `overflow: "truncate"`. */
  readonly truncated: boolean;
}

/** Options of {@link Session.enterMode}. */
export interface ModeOptions {
  /** As in {@link CommandRequest}. */
  readonly beforeWrite?: () => void;
  readonly signal?: AbortSignal;
  /** For each step on the way, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number;
}

/** One live login on one device, held by one owner at a time. One call at a time: a second concurrent `run` throws. */
export interface Session {
  /** It came out of the pool: no handshake and no login were needed. */
  readonly reused: boolean;
  /** The mode of the current prompt, a key of the platform's modes. */
  readonly mode: string;
  /** The mode that the login gave, where reads run unless asked otherwise. */
  readonly loginMode: string;
  readonly hostKey: HostKey;
  /** The current prompt as last seen; empty for exec channels. */
  readonly prompt: string;
  /** The software version in the device's SSH identification, e.g. `OpenSSH_9.2p1` or `Cisco-1.25`. */
  readonly remoteVersion: string;
  /** The least crypto profile that offers what was agreed upon. Unset: it is no SSH. */
  readonly cryptoProfile?: CryptoProfile;
  /**
   * Connect and key exchange, authentication, and login until the first prompt, in milliseconds; as measured when the
   * session was opened.
   */
  readonly timings: { readonly connectMs: number; readonly authMs: number; readonly loginMs: number };
  /**
   * Runs one command line and resolves when the prompt is back. Rejects with DeviceError, or with what `beforeWrite`
   * threw.
   */
  run(command: CommandRequest): Promise<CommandOutcome>;
  /** Called once when the connection is gone; at once if it is. */
  onClose(listener: () => void): void;
  /**
   * Goes to a mode on the shortest path of the platform's graph; every arrival is checked, a question for a secret is
   * answered from the account.
   */
  enterMode(mode: string, options?: ModeOptions): Promise<void>;
}
