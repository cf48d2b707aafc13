import { fork } from "node:child_process";
import { constants } from "node:os";
import { selfStopMs } from "../worker/lease.js";

/** Set for a process that another watches. */
const marker = "POINTSMAN_WATCHED";
/** A watched process says this often that its event loop turns. */
const beatMs = 1_000;
const lookMs = 500;
/**
 * How Node is started for a worker. What a thousand devices at work hold for the moment fills the 16 MB that V8 gives to
 * what is young, so that it copies nearly all of that again and again, and takes it for old: with 32 MB a line costs a
 * fifth less time (`ssh-1000` of the bench), with more than that nothing less.
 */
export const workerFlags: readonly string[] = ["--max-semi-space-size=32"];

/** Whether this process is watched by another, which it has to tell that it goes on. */
export function isWatched(env: NodeJS.ProcessEnv): boolean {
  return env[marker] !== undefined && process.send !== undefined;
}

/**
 * Runs this very command again in a process of its own and watches it: one whose event loop stands still for as long as a
 * worker may go on without its lease is killed, since it could go on in the middle of what is not its own any more.
 * Signals are passed on. Resolves with the exit code of the other: 128 and the signal's number when a signal ended it.
 */
export function runWatched(limitMs: number = selfStopMs): Promise<number> {
  const [, script = "", ...args] = process.argv;
  // In a group of its own: what a terminal sends to everybody reaches it once, through us.
  const child = fork(script, args, {
    env: { ...process.env, [marker]: "1" },
    execArgv: [...workerFlags, ...process.execArgv],
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const now = (): number => performance.now();
  let lastBeat: number | undefined;
  child.on("message", () => (lastBeat = now()));
  const stalled = (): boolean => lastBeat !== undefined && now() - lastBeat > limitMs;
  const looking = setInterval(() => {
    // When we stood still ourselves, what it said meanwhile is read first.
    if (stalled()) setImmediate(() => stalled() && kill());
  }, lookMs);
  function kill(): void {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.stderr.write(`error: the worker (process ${child.pid ?? 0}) stood still for ${limitMs / 1000} s: killed\n`);
    child.kill("SIGKILL");
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const)
    process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      clearInterval(looking);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/** Tells the process that watches this one that its event loop turns. Without anybody who watches, this one ends at once. */
export function beatToWatcher(): void {
  setInterval(() => process.send?.("beat", undefined, undefined, () => undefined), beatMs).unref();
  process.send?.("beat");
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  // What it says holds no process that has ended its work.
  process.channel?.unref();
}
