import type { Faults } from "./faults.js";
import { createSeededRandom } from "./seeded-random.js";
import type { HostKey } from "./host-key.js";
import type { Source } from "./pager.js";

/** Someone who may log in. */
export interface SimulatedUser {
  readonly username: string;
  /** Offered as password and as keyboard-interactive. Absent: neither. */
  readonly password?: string;
  /** Public keys in OpenSSH's format (`ssh-ed25519 AAAA…`). */
  readonly publicKeys?: readonly string[];
  /** Lands in the privileged mode at once. Default: true exactly when the device has no enable secret. */
  readonly privileged?: boolean;
}

/** What a test or the demo says about one simulated device; everything else comes from the platform's personality. */
export interface SimulatedDevice {
  readonly name: string;
  /** `cisco_ios`, `arista_eos`, `frr` or `linux`. */
  readonly platform: string;
  /** Default: the name. */
  readonly hostname?: string;
  /** TCP port when every device has its own. Default: an ephemeral one. */
  readonly port?: number;
  /** Port to use if it is free, when `port` is not given; otherwise an ephemeral one. */
  readonly preferredPort?: number;
  readonly users: readonly SimulatedUser[];
  readonly enableSecret?: string;
  /** Methods offered, in this order. Default: what the users can use, `password` before `keyboard-interactive`. */
  readonly methods?: readonly LoginMethod[];
  /** Sent before authentication. Default: none. */
  readonly banner?: string;
  /** Printed in front of the platform's greeting when a shell opens. */
  readonly motd?: string;
  /** The start configuration instead of the platform's. */
  readonly config?: string;
  /** Commands beside the platform's; the first that matches wins, also over the platform's own. */
  readonly commands?: readonly ExtraCommand[];
  readonly faults?: Faults;
  /** Values for `{name}` in the personality's texts. */
  readonly facts?: Readonly<Record<string, string>>;
  /** Default: the simulator's. */
  readonly hostKey?: HostKey;
}

/** How a client may prove who it is. */
export type LoginMethod = "password" | "keyboard-interactive" | "publickey";

/** A command that a test adds to a device, in any mode. */
export interface ExtraCommand {
  /** The whole line (single spaces), or a pattern to find in it. */
  readonly command: string | RegExp;
  /** What it prints, `\n` at the end of each line; a function may wait for whatever it likes. Default: nothing. */
  readonly output?: string | ((context: CommandContext) => Source | Promise<Source>);
  /** Prints this many bytes of {@link generatedText} (seed: the command line) behind `output`. */
  readonly bytes?: number;
  /** Milliseconds before it prints anything; Ctrl-C ends the wait and the command. */
  readonly delayMs?: number;
  /** Asked before it prints; the answer is in the context. `key` takes one key, `hidden` does not echo. */
  readonly question?: { readonly text: string; readonly key?: boolean; readonly hidden?: boolean };
  /** Exit status where there is one (Linux). Default 0. */
  readonly exitStatus?: number;
  /** Printed on the error channel of an exec request; on a terminal like the rest. */
  readonly stderr?: string;
}

/** What an extra command knows about its call. */
export interface CommandContext {
  readonly line: string;
  readonly device: string;
  /** Session as in the journal. */
  readonly session: string;
  readonly mode: string;
  /** Host name at this moment. */
  readonly hostname: string;
  /** Groups of the pattern, if the command is one. */
  readonly groups: readonly string[];
  readonly answer: string;
  /** Aborts on Ctrl-C and when the client goes away. */
  readonly signal: AbortSignal;
}

const PIECE = 16 * 1024;

/** Exactly `bytes` bytes of numbered lines (`\n` at the end of each), the same for the same seed. */
export function* generatedText(bytes: number, seed: string): Generator<string, void, undefined> {
  const random = createSeededRandom(seed);
  let left = bytes;
  let piece = "";
  for (let number = 1; left > 0; number++) {
    const word = Math.floor(random.number() * 2 ** 32).toString(36);
    const line = `${String(number).padStart(8, "0")} ${word.padEnd(8, "x").repeat(6)}\n`;
    piece += line.length <= left ? line : `${line.slice(0, left - 1)}\n`;
    left -= Math.min(line.length, left);
    if (piece.length >= PIECE || left === 0) {
      yield piece;
      piece = "";
    }
  }
}
