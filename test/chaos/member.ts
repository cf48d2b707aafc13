import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { TcpProxy } from "../support/tcp-proxy.js";
import { startOurs, type OurProcess } from "../support/system.js";

/** A server or a worker that is started again whenever it has ended, with its own way to Redis. */
export interface Member<Way = TcpProxy> {
  readonly name: string;
  readonly redis: Way;
  /** The process that does the work; undefined when it has ended. */
  readonly pid: number | undefined;
  /** How its processes ended so far: exit status, or the signal that ended it. */
  readonly ends: readonly (number | string)[];
  /** How often it was started. */
  readonly starts: number;
  /** Its last lines. */
  readonly log: readonly string[];
  /** Whether it serves or claims, rather than being on its way back. */
  readonly isReady: boolean;
  /** Resolves when it serves or claims. */
  ready(): Promise<void>;
  /** Ends it like a power cut. False when it was not there. */
  kill(): boolean;
  /** Stops it for a time, unless somebody kills it meanwhile or `signal` aborts. False when it was not there. */
  freeze(forMs: number, signal: AbortSignal): Promise<boolean>;
  signal(signal: NodeJS.Signals): boolean;
  /** Asks it to end, and starts it no more. */
  stop(): Promise<void>;
}

const restartMs = 200;
const keptLines = 2_000;

/** The process that does the work: the last in the line of children. */
function workingPid(pid: number): number {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return child === undefined || child === "" ? pid : workingPid(Number(child));
  } catch {
    return pid;
  }
}

/** Starts one. `readyWhen` is what it logs when it is ready. */
export function startMember<Way>(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  redis: Way,
  readyWhen: string,
): Member<Way> {
  const log: string[] = [];
  let current: OurProcess;
  const ends: (number | string)[] = [];
  let starts = 0;
  let ending = false;
  let isReady = false;
  let over: Promise<void> = Promise.resolve();

  function begin(): void {
    starts++;
    const process = startOurs(args, env);
    current = process;
    process.logged(readyWhen).then(
      () => (isReady = true),
      () => undefined,
    );
    over = new Promise((resolve) => {
      process.child.once("exit", (status, endedBy) => {
        ends.push(status ?? endedBy ?? "unknown");
        isReady = false;
        log.push(...process.log);
        log.splice(0, log.length - keptLines);
        resolve(ending ? undefined : pause(restartMs).then(() => (ending ? undefined : begin())));
      });
    });
  }

  function signal(what: NodeJS.Signals): boolean {
    const { child } = current;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false;
    try {
      process.kill(workingPid(child.pid), what);
      return true;
    } catch {
      return false;
    }
  }

  begin();
  return {
    ...{ name, redis, signal, ends },
    get pid() {
      const { pid, exitCode, signalCode } = current.child;
      return pid === undefined || exitCode !== null || signalCode !== null ? undefined : workingPid(pid);
    },
    get starts() {
      return starts;
    },
    get isReady() {
      return isReady;
    },
    get log() {
      return [...log, ...current.log];
    },
    async ready() {
      for (;;) {
        const mine = current;
        if (
          await mine.logged(readyWhen).then(
            () => true,
            () => false,
          )
        )
          return;
        await over;
      }
    },
    kill: () => signal("SIGKILL"),
    async freeze(forMs, enough) {
      const { pid } = current.child;
      if (pid === undefined || !signal("SIGSTOP")) return false;
      const frozen = workingPid(pid);
      await pause(forMs, undefined, { signal: enough }).catch(() => undefined);
      try {
        process.kill(frozen, "SIGCONT");
      } catch {
        // It was killed meanwhile, and its place was taken.
      }
      return true;
    },
    async stop() {
      ending = true;
      signal("SIGCONT");
      await Promise.all([current.stop(), over]);
    },
  };
}
