import { execFile } from "node:child_process";
import type { Clock } from "../domain/clock.js";

/** Tells the service manager how this process is. Does nothing where none asked. Never fails. */
export interface Manager {
  /** It does its work, from now on with a sign of life as often as the manager wants one. */
  ready(): void;
  /** It begins to stop. */
  stopping(): void;
  /** No sign of life goes out any more. */
  release(): void;
}

/**
 * systemd, by its own command: Node has no datagram sockets in the file system, and the packages that add them are
 * native code that few keep. A unit needs NotifyAccess=all for it. A sign of life means that the event loop turns.
 */
export function createManager(parts: {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** This process, and one that watches it and that the manager may know instead. */
  readonly pids: readonly number[];
  readonly clock: Clock;
  /** Runs a command; default: the real one. */
  readonly run?: (command: string, args: readonly string[]) => void;
}): Manager {
  const { env, pids, clock, run = runQuietly } = parts;
  const asked = Boolean(env["NOTIFY_SOCKET"]);
  const watchdogUs = Number(env["WATCHDOG_USEC"] ?? 0);
  const watched = asked && watchdogUs > 0 && [undefined, ...pids.map(String)].includes(env["WATCHDOG_PID"]);
  let cancel: (() => void) | undefined;

  function tell(...states: string[]): void {
    if (asked) run("systemd-notify", states);
  }
  function live(): void {
    tell("WATCHDOG=1");
    cancel = clock.timer(watchdogUs / 1000 / 3, live);
  }

  return {
    ready() {
      tell("READY=1");
      if (watched) live();
    },
    stopping: () => tell("STOPPING=1"),
    release() {
      cancel?.();
      cancel = undefined;
    },
  };
}

function runQuietly(command: string, args: readonly string[]): void {
  execFile(command, args, () => undefined).unref();
}
