import type { Random } from "../../src/domain/clock.js";
import { type DeviceFaults, goodDevice, type SimulatedDevice } from "./device.js";
import type { Host } from "./hosts.js";
import type { SimulatedRedis } from "./redis.js";
import { type LinkFaults, noFaults } from "./store-link.js";
import type { Timeline } from "./timeline.js";

/** What can go wrong. Each seed draws some of it. */
export const faultKinds = [
  "worker-kill",
  "worker-pause",
  "worker-stop",
  "worker-cut-off",
  "node-away",
  "power-loss",
  "server-kill",
  "server-pause",
  "clock-step",
  "store-away",
  "store-goes-back",
  "stale-replica",
  "lost-requests",
  "lost-replies",
  "slow-network",
  "device-refuses",
  "device-hangs",
  "device-cuts",
  "device-slow",
  "device-rejects",
  "device-reboots",
  "cancel-storm",
] as const;

export type FaultKind = (typeof faultKinds)[number];

interface Parts {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly workers: readonly Host[];
  readonly servers: readonly Host[];
  readonly devices: readonly SimulatedDevice[];
  readonly redis: SimulatedRedis;
  readonly network: LinkFaults;
  readonly deviceFaults: DeviceFaults;
  readonly cancelStorm: () => void;
  readonly trace: (line: string) => void;
}

/** Draws which faults happen: every kind in about a third of the seeds, so that some seeds have few and are harsh in them. */
export function drawFaults(random: Random): Set<FaultKind> {
  const share = 0.15 + 0.5 * random.number();
  return new Set(faultKinds.filter(() => random.number() < share));
}

/** A swarm of faults under way. */
export interface Swarm {
  /** Something happens for a process just now: a good moment for it to die, or to stand still. */
  moment(process: string): void;
}

/** Lets things go wrong until `untilMs`; then nothing does any more. */
export function startSwarm(parts: Parts, kinds: ReadonlySet<FaultKind>, untilMs: number): Swarm {
  const { timeline, random, workers, servers, devices, redis, network, deviceFaults, trace } = parts;
  const one = <T>(list: readonly T[]): T => list[Math.floor(random.number() * list.length)]!;
  /** Between `least` and `most`, short ones more often. */
  const span = (least: number, most: number): number => least * (most / least) ** random.number();
  const until = (ms: number): number => Math.min(ms, untilMs - timeline.now);

  /** Does something again and again, `meanMs` apart. */
  function often(kind: FaultKind, meanMs: number, act: () => void): void {
    if (!kinds.has(kind)) return;
    const pace = meanMs * (0.5 + random.number());
    const next = (): void => {
      const ms = -Math.log(1 - random.number()) * pace;
      if (timeline.now + ms >= untilMs) return;
      timeline.plan(ms, () => {
        act();
        next();
      });
    };
    next();
  }

  /** A likelihood that holds until the faults end. */
  const likely = (kind: FaultKind, most: number): number => (kinds.has(kind) ? most * random.number() : 0);

  function pause(host: Host): void {
    const ms = until(span(500, 60_000));
    const asleep = random.number() < 0.3;
    trace(`${host.name} ${asleep ? "sleeps" : "stands"} for ${ms.toFixed(0)} ms`);
    host.process?.pause(ms, asleep);
  }

  function cutOff(host: Host): void {
    const ms = until(span(500, 25_000));
    trace(`${host.name} is cut off for ${ms.toFixed(0)} ms`);
    host.cutOff(ms);
  }

  often("worker-kill", 8_000, () => one(workers).kill(span(200, 8_000)));
  often("worker-pause", 10_000, () => pause(one(workers)));
  often("worker-stop", 20_000, () => one(workers).stop());
  often("worker-cut-off", 12_000, () => cutOff(one([...workers, ...servers])));
  often("server-kill", 8_000, () => one(servers).kill(span(200, 5_000)));
  often("server-pause", 12_000, () => pause(one(servers)));
  often("clock-step", 10_000, () => {
    const { wall, name, process } = one([...workers, ...servers]);
    const offsetMs = (random.number() - 0.5) * 7_200_000;
    // Neither of its clocks would show that it slept: see docs/reliability.md.
    if (process?.asleep) return;
    wall.offsetMs = offsetMs;
    trace(`the clock of ${name} is set to ${wall.offsetMs.toFixed(0)} ms`);
  });
  often("store-away", 15_000, () => {
    const ms = until(span(100, 15_000));
    trace(`the store is away for ${ms.toFixed(0)} ms`);
    redis.goAway(ms);
  });
  /**
   * Redis comes back, after a while without it, as it was up to ten seconds before; but not as it was before the zone was
   * opened for the first time: a server that has just started would take it for a new one. See docs/reliability.md.
   */
  function goBack(as: "asAnother" | "asItself"): void {
    const old = redis.copy();
    timeline.plan(until(span(20, 10_000)), () => {
      if (!old.isNew) {
        trace(`the store comes back as it was ${as === "asItself" ? "on a replica" : "before"}`);
        old[as]();
      }
      redis.goAway(until(span(50, 3_000)));
    });
  }
  often("store-goes-back", 20_000, () => goBack("asAnother"));
  often("stale-replica", 20_000, () => goBack("asItself"));
  often("node-away", 20_000, () => one(workers).kill(until(span(10_000, 60_000))));
  often("power-loss", 12_000, () => one(workers).losePower(span(500, 8_000)));
  often("device-reboots", 15_000, () => {
    const device = one(devices);
    trace(`${device.name} reboots`);
    device.reboot();
  });
  often("cancel-storm", 25_000, () => {
    trace("everybody takes everything back");
    parts.cancelStorm();
  });

  /** How often a moment is used, so that faults meet work and not only the pauses between. */
  const used = 0.04 * random.number();
  const harm: ((host: Host) => void)[] = [
    ...(kinds.has("worker-kill") ? [(host: Host) => host.kill(span(200, 8_000))] : []),
    ...(kinds.has("power-loss") ? [(host: Host) => host.losePower(span(500, 8_000))] : []),
    ...(kinds.has("node-away") ? [(host: Host) => host.kill(until(span(10_000, 60_000)))] : []),
    ...(kinds.has("worker-pause") ? [pause] : []),
    ...(kinds.has("worker-cut-off") ? [cutOff] : []),
  ];
  const hosts = new Map([...workers, ...servers].map((host) => [host.name, host]));

  Object.assign(network, {
    requestLost: likely("lost-requests", 0.05),
    replyLost: likely("lost-replies", 0.1),
    slow: likely("slow-network", 0.1),
    slowMs: span(300, 8_000),
  });
  Object.assign(deviceFaults, {
    refused: likely("device-refuses", 0.3),
    hang: likely("device-hangs", 0.15),
    cut: likely("device-cuts", 0.1),
    slow: likely("device-slow", 0.5),
    rejected: likely("device-rejects", 0.15),
  });
  timeline.plan(untilMs - timeline.now, () => {
    trace("nothing goes wrong any more");
    Object.assign(network, noFaults);
    Object.assign(deviceFaults, goodDevice);
    for (const { wall } of [...workers, ...servers]) wall.offsetMs = 0;
  });

  return {
    moment(process) {
      if (harm.length === 0 || timeline.now >= untilMs || random.number() >= used) return;
      const host = hosts.get(process.split("/")[1] ?? "");
      const act = one(harm);
      if (host) timeline.plan(random.number() * 2, () => timeline.now < untilMs && act(host));
    },
  };
}
