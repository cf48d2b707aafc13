import type { Clock } from "../domain/clock.js";
import type { DeviceErrorReason } from "./device-error.js";
import type { Platform } from "./platform.js";
import type { PromptMatcher } from "./prompt.js";
import type { TypedBlock } from "./session.js";
import type { Shell } from "./shell.js";

/** A question that may come and how to answer it, once. */
export interface Ask {
  matches(line: string): boolean;
  /** Without line end. Throws a DeviceError when there is no answer. */
  answer(): string;
  readonly hidden: boolean;
  /** The answer is a key press: no line end follows. Default false. */
  readonly isKey?: boolean;
}

/** Something typed, and what may happen until the prompt is back. */
export interface ExchangeRequest {
  /** Typed with a line end, its echo awaited; undefined: only listen (at login). */
  readonly command: string | undefined;
  /** The last line at the moment of typing. */
  readonly prompt: string;
  readonly asks: readonly Ask[];
  /** See CommandRequest. */
  readonly block?: TypedBlock | undefined;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
  /** How long a prompt must stand still before it is believed, in milliseconds. Default: not at all. */
  readonly settleMs?: number | undefined;
  /** See CommandRequest. */
  readonly settlesAsAnswered?: boolean | undefined;
  /** See CommandRequest. */
  readonly isFollowed?: boolean | undefined;
  /** See CommandRequest. */
  readonly expectDisconnect?: boolean | undefined;
  /** Fails when the device prints more of something else before it repeats what was typed. Default false. */
  readonly refuseLeftovers?: boolean | undefined;
  /** What a missing prompt is called. */
  readonly timeoutReason: DeviceErrorReason;
  readonly signal?: AbortSignal | undefined;
  readonly beforeWrite?: (() => void) | undefined;
  /** Each whole line of output, before it is delivered. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Output in order. What it throws interrupts the command and is what the exchange rejects with. */
  readonly onText?: ((text: string) => void | Promise<void>) | undefined;
}

/** What an exchange works with. */
export interface ExchangeContext {
  readonly shell: Shell;
  readonly platform: Platform;
  readonly matcher: PromptMatcher;
  readonly clock: Clock;
  readonly redact: (text: string) => string;
}
