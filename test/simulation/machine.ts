import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import type { Clock, Random } from "../../src/domain/clock.js";
import type { Timeline } from "./timeline.js";

/** Where the wall clock of a simulated world begins. */
export const epochMs = Date.UTC(2030, 0, 1);

/** A process of the simulated world. All that reaches it, timers as well as answers, reaches it through `deliver`. */
export interface SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly alive: boolean;
  /** Its machine sleeps: its monotonic clock stands. */
  readonly asleep: boolean;
  /** Hands something to the process in `ms` milliseconds: later while it is paused, never when it is dead. */
  deliver(ms: number, run: () => void): void;
  /** Ends it at once: nothing of it ever goes on. */
  kill(): void;
  /** Nothing reaches it for `ms` milliseconds; then everything that was due does. Asleep, its monotonic clock stands. */
  pause(ms: number, asleep: boolean): void;
  /** Called once when it is killed. */
  onKill(run: () => void): void;
}

/** A machine's wall clock, which processes share and a fault may set. */
export interface WallClock {
  offsetMs: number;
}

export function startProcess(timeline: Timeline, name: string, wall: WallClock): SimulatedProcess {
  const random = createSeededRandom(name);
  const started = timeline.now;
  let alive = true;
  let pausedUntil = 0;
  let sleptMs = 0;
  let asleepUntil = 0;
  let kills: (() => void)[] = [];
  /** What came while it was paused: it sees its timers before its sockets. */
  const late = { timers: [] as (() => void)[], answers: [] as (() => void)[] };

  function arrive(kind: keyof typeof late, run: () => void): void {
    if (!alive) return;
    if (timeline.now < pausedUntil) late[kind].push(run);
    else run();
  }

  function resume(): void {
    if (!alive || timeline.now < pausedUntil) return;
    const due = [...late.timers.splice(0), ...late.answers.splice(0)];
    for (const run of due) timeline.plan(0, () => arrive("answers", run));
  }

  function timer(ms: number, run: () => void): () => void {
    let cancelled = false;
    timeline.plan(ms, () => {
      if (!cancelled) arrive("timers", () => cancelled || run());
    });
    return () => void (cancelled = true);
  }

  return {
    name,
    random,
    clock: {
      now: () => epochMs + timeline.now + wall.offsetMs,
      monotonic: () => timeline.now - started - sleptMs,
      timer,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted) return reject(signal.reason as Error);
          const onAbort = (): void => {
            cancel();
            reject(signal?.reason as Error);
          };
          const cancel = timer(ms, () => {
            signal?.removeEventListener("abort", onAbort);
            resolve();
          });
          signal?.addEventListener("abort", onAbort, { once: true });
        }),
    },
    get alive() {
      return alive;
    },
    get asleep() {
      return timeline.now < asleepUntil;
    },
    deliver: (ms, run) => timeline.plan(ms, () => arrive("answers", run)),
    kill() {
      if (!alive) return;
      alive = false;
      for (const run of kills) run();
      kills = [];
    },
    pause(ms, asleep) {
      if (asleep) sleptMs += Math.max(0, timeline.now + ms - Math.max(pausedUntil, timeline.now));
      pausedUntil = Math.max(pausedUntil, timeline.now + ms);
      if (asleep) asleepUntil = pausedUntil;
      timeline.plan(ms, resume);
    },
    onKill: (run) => void kills.push(run),
  };
}
