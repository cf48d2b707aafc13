import type { Random } from "../../domain/clock.js";

/** Says which commands a fault strikes. All given conditions must hold; an empty selector strikes every command. */
export interface CommandSelector {
  /** The whole command line, or a pattern to find in it. */
  readonly matching?: string | RegExp;
  /** Only the nth matching command of a session, from 1. */
  readonly nth?: number;
  /** Probability, 0 to 1, drawn for every matching command. Default 1. */
  readonly chance?: number;
  /** Strikes at most so many times on this device, over all sessions, since the faults were set. Default: always. */
  readonly times?: number;
}

/** What is wrong with a simulated device. Faults are read at the moment they matter, so they can change at run time. */
export interface Faults {
  /** Output leaves in pieces of a random length from 1 to this many bytes, each in an SSH packet of its own. */
  readonly splitBytes?: number;
  /** Output drips at this many bytes per second. */
  readonly bytesPerSecond?: number;
  /** The pager stops every 24 lines whatever `terminal length` says. */
  readonly pagerAlways?: boolean;
  /** Probability, 0 to 1, of a syslog line before each line of output. */
  readonly syslogChance?: number;
  /** Probability, 0 to 1, of a line that reads like the device's own prompt, before each line of output. */
  readonly promptLikeChance?: number;
  /** The connection is cut after exactly this many bytes of a channel's output, echo and prompts included. */
  readonly disconnectAtByte?: number;
  /**
   * The connection is cut when such a command was received: before its answer (default), a few bytes into echo and
   * answer, or after answer and prompt.
   */
  readonly disconnectOnCommand?: CommandSelector & { readonly when?: "before-answer" | "in-answer" | "after-answer" };
  /** Such a command is received and never answered; not even Ctrl-C helps. */
  readonly hang?: CommandSelector;
  /** Milliseconds before such a command is answered, or what has to resolve before it is. Ctrl-C ends the wait. */
  readonly delay?: CommandSelector & ({ readonly ms: number } | { readonly until: Promise<unknown> });
  /** Such a command ends with a question that nobody expects; any line answers it. */
  readonly question?: CommandSelector & { readonly text: string };
  /** Every authentication is refused, as with a wrong password. */
  readonly refuseLogin?: boolean;
  /** Probability, 0 to 1, that a TCP connection is reset at once. `true` is 1. */
  readonly refuseConnection?: boolean | number;
  /** TCP connections are accepted, and then nothing is ever said on them. */
  readonly silent?: boolean;
  /** Connections open at once; further ones are closed before the SSH greeting, like a device without a free line. */
  readonly maxConnections?: number;
  /** Channels open at once per connection; further ones are refused. Default 1 on network devices, 10 on Linux. */
  readonly maxChannels?: number;
}

/** The faults of one device with what has to be remembered about them. */
export interface FaultState {
  /** What holds at the moment. */
  readonly current: Faults;
  /** Replaces all faults and forgets how often each has struck. */
  set(faults: Faults): void;
  /** Counts for one session. Ask it for a command at most once per fault, since asking counts. */
  forSession(random: Random): SessionFaults;
}

/** Decides for one session which commands are struck. */
export interface SessionFaults {
  strikes(fault: "disconnectOnCommand" | "hang" | "delay" | "question", line: string): boolean;
}

/** Makes the fault state of one device. */
export function createFaultState(initial: Faults = {}): FaultState {
  let current = initial;
  let struck = new Map<string, number>();
  return {
    get current() {
      return current;
    },
    set(faults) {
      current = faults;
      struck = new Map();
    },
    forSession(random) {
      const seen = new Map<string, number>();
      return {
        strikes(fault, line) {
          const selector = current[fault];
          if (!selector || !matches(selector.matching, line)) return false;
          const count = (seen.get(fault) ?? 0) + 1;
          seen.set(fault, count);
          if (selector.nth !== undefined && selector.nth !== count) return false;
          if (selector.chance !== undefined && random.number() >= selector.chance) return false;
          const before = struck.get(fault) ?? 0;
          if (selector.times !== undefined && before >= selector.times) return false;
          struck.set(fault, before + 1);
          return true;
        },
      };
    },
  };
}

function matches(wanted: string | RegExp | undefined, line: string): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === "string" ? wanted === line.trim() : wanted.test(line);
}
