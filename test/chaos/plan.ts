import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import type { Toxics } from "../support/tcp-proxy.js";

/** Something that goes wrong. Targets are numbers: the n-th of those that there are, counted round. */
export type Fault =
  | {
      readonly kind: "kill-worker" | "kill-server" | "jump-worker-clock" | "jump-server-clock";
      readonly target: number;
    }
  | { readonly kind: "stop-worker" | "stop-server"; readonly target: number; readonly forMs: number }
  | { readonly kind: "roll-back" | "promote"; readonly ageMs: number }
  | { readonly kind: "restart-redis" }
  | { readonly kind: "fill-memory"; readonly forMs: number }
  | {
      readonly kind: "worker-redis" | "server-redis" | "worker-device";
      readonly target: number;
      readonly toxics: Toxics;
      readonly forMs: number;
    }
  | { readonly kind: "cut-worker-redis" | "cut-server-redis" | "cut-worker-device"; readonly target: number };

/** A fault and when it strikes, counted from the start. */
export interface PlannedFault {
  readonly atMs: number;
  readonly fault: Fault;
}

/**
 * Every how many milliseconds a kind of fault strikes, on average. A worker that stands still keeps the gate of its zone
 * shut after Redis lost data: were there always one, nothing would run that could break.
 */
const rhythm = {
  "kill-worker": 2_000,
  "kill-server": 14_000,
  "stop-worker": 59_000,
  "stop-server": 41_000,
  "roll-back": 22_000,
  promote: 73_000,
  "restart-redis": 97_000,
  "fill-memory": 47_000,
  "jump-worker-clock": 23_000,
  "jump-server-clock": 37_000,
  "worker-redis": 8_000,
  "server-redis": 13_000,
  "worker-device": 4_000,
  "cut-worker-redis": 6_000,
  "cut-server-redis": 11_000,
  "cut-worker-device": 7_000,
} as const satisfies Record<Fault["kind"], number>;

/** What goes wrong in a run of this length, and when: the seed alone decides. */
export function planFaults(seed: string, durationMs: number): PlannedFault[] {
  const plan = Object.entries(rhythm).flatMap(([name, everyMs]) => {
    const kind = name as Fault["kind"];
    const random = createSeededRandom(`${seed}/${kind}`);
    const between = (from: number, to: number): number => Math.round(from + random.number() * (to - from));
    const faults: PlannedFault[] = [];
    for (
      let atMs = between(0.4 * everyMs, 0.8 * everyMs);
      atMs < durationMs;
      atMs += between(0.7 * everyMs, 1.2 * everyMs)
    ) {
      faults.push({ atMs, fault: drawFault(kind, between) });
    }
    return faults;
  });
  return plan.sort((one, other) => one.atMs - other.atMs);
}

function drawFault(kind: Fault["kind"], between: (from: number, to: number) => number): Fault {
  const target = between(0, 1_000);
  switch (kind) {
    case "stop-worker":
      // Past the lease, and past what a reaper waits.
      return { kind, target, forMs: between(16_000, 20_000) };
    case "stop-server":
      return { kind, target, forMs: between(2_000, 17_000) };
    case "roll-back":
    case "promote":
      return { kind, ageMs: between(200, 1_500) };
    case "fill-memory":
      return { kind, forMs: between(2_000, 8_000) };
    case "worker-redis":
      // One in four outlasts the lease.
      return {
        kind,
        target,
        toxics: drawToxics(kind, between),
        forMs: between(1, 4) === 4 ? 12_000 : between(500, 4_000),
      };
    case "server-redis":
    case "worker-device":
      return { kind, target, toxics: drawToxics(kind, between), forMs: between(1_000, 12_000) };
    case "restart-redis":
      return { kind };
    default:
      return { kind, target };
  }
}

function drawToxics(kind: Fault["kind"], between: (from: number, to: number) => number): Toxics {
  const kinds: Toxics[] = [
    { latencyMs: between(5, 80), jitterMs: between(0, 100) },
    { sliceBytes: between(1, 40) },
    { hold: "both" },
    { hold: "up" },
    { hold: "down" },
    { refuse: true },
    ...(kind === "worker-device" ? [] : [{ eatReplies: between(1, 8) / 100 }]),
  ];
  return kinds[between(0, kinds.length - 1)] ?? {};
}
