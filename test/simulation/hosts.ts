import { noTools } from "../support/no-tools.js";
import { pino } from "pino";
import type { JobCreation } from "../../src/api/jobs/job-wish.js";
import { createPlatformCatalogue } from "../../src/commands/platform-catalogue.js";
import { builtInPlatforms } from "../../src/device/index.js";
import type { Service } from "../../src/domain/service.js";
import { createReconciler } from "../../src/scheduler/reconciler.js";
import { createDueLoop, createReaper, createRetentionLoop } from "../../src/scheduler/upkeep.js";
import { createJournals } from "../../src/worker/journals.js";
import { createWorker } from "../../src/worker/worker.js";
import type { SimulatedDevice } from "./device.js";
import type { SimulatedDisk } from "./disk.js";
import { type Inventory, sealer } from "./inventory.js";
import { type SimulatedProcess, startProcess, type WallClock } from "./machine.js";
import type { SimulatedRedis } from "./redis.js";
import { type LinkFaults, linkStore, noFaults } from "./store-link.js";
import type { Timeline } from "./timeline.js";

/** What stands around every process. */
export interface Surroundings {
  readonly seed: number;
  readonly timeline: Timeline;
  readonly redis: SimulatedRedis;
  readonly inventory: Inventory;
  readonly devices: ReadonlyMap<string, SimulatedDevice>;
  /** How bad the network to Redis is. */
  readonly network: LinkFaults;
  readonly trace: (line: string) => void;
}

/** A machine on which a process runs, and runs again after its end. */
export interface Host {
  readonly name: string;
  readonly wall: WallClock;
  /** The process there, if it runs. */
  readonly process: SimulatedProcess | undefined;
  /** Ends the process at once; another starts `afterMs` later. */
  kill(afterMs: number): void;
  /** Nothing gets through between the process and Redis for `ms` milliseconds. */
  cutOff(ms: number): void;
  /** Asks the process to end in good order; another starts soon after. */
  stop(): void;
  /** Like kill, and what was not yet on its disk is lost. */
  losePower(afterMs: number): void;
}

interface Running {
  /** Ends in good order. */
  stop(): Promise<unknown>;
}

const logger = pino({ level: "silent" });
const platforms = builtInPlatforms();
const catalogue = createPlatformCatalogue(platforms);

function createHost(
  world: Surroundings,
  name: string,
  begin: (process: SimulatedProcess, faults: () => LinkFaults, again: (ms: number) => void) => Running,
  powerLost: () => void = () => undefined,
): Host {
  const { seed, timeline, trace } = world;
  const wall: WallClock = { offsetMs: 0 };
  let starts = 0;
  let process: SimulatedProcess | undefined;
  let running: Running | undefined;
  let cutUntil = 0;

  function start(): void {
    const mine = startProcess(timeline, `${seed}/${name}/${++starts}`, wall);
    const faults = (): LinkFaults => (timeline.now < cutUntil ? { ...noFaults, requestLost: 1 } : world.network);
    trace(`${name} starts`);
    process = mine;
    running = begin(mine, faults, (ms) => mine === process && kill(ms));
  }

  function kill(afterMs: number): void {
    if (!process) return;
    trace(`${name} is killed`);
    process.kill();
    process = running = undefined;
    timeline.plan(afterMs, start);
  }

  start();
  return {
    name,
    wall,
    get process() {
      return process;
    },
    kill,
    losePower(afterMs) {
      kill(afterMs);
      powerLost();
    },
    cutOff: (ms) => void (cutUntil = Math.max(cutUntil, timeline.now + ms)),
    stop() {
      const mine = process;
      trace(`${name} is asked to stop`);
      void running?.stop().then(() => mine === process && kill(500));
    },
  };
}

/** A node with a disk on which a worker runs. */
export function createWorkerHost(world: Surroundings, name: string, disk: SimulatedDisk, capacity: number): Host {
  return createHost(
    world,
    name,
    (process, faults, again) => {
      const { clock, random } = process;
      const pid = Number(process.name.split("/")[2]);
      const store = linkStore({ ...world, process, faults, random });
      const worker = createWorker({
        ...{
          store,
          clock,
          random,
          sealer,
          platforms,
          logger,
          capacity,
          hostname: name,
          node: name,
          tools: noTools,
          version: "simulated",
        },
        pid,
        journals: createJournals({
          ...{ dir: "/journals", hostname: name, pid, now: () => clock.now(), disk: disk.of(process) },
          isAlive: (other) => other === pid,
        }),
        connect: ({ address }) => {
          const device = world.devices.get(address);
          if (!device) throw new Error(`no device at ${address}`);
          return device.connect(process);
        },
        zones: ["default"],
        labels: {},
        loopDelayMs: () => 0,
        defaultHostKeyPolicy: "accept-new",
        drainMs: 5_000,
      });
      worker.start().catch(() => again(1_000));
      return worker;
    },
    disk.losePower,
  );
}

/** A machine on which a server runs: its background loops, and what callers ask it for. */
export interface ServerHost extends Host {
  /** What the server's calls work with. */
  readonly api: () => JobCreation;
}

export function createServerHost(world: Surroundings, name: string): ServerHost {
  let parts: JobCreation;
  const host = createHost(world, name, (process, faults) => {
    const { clock, random } = process;
    const store = linkStore({ ...world, process, faults, random });
    const own = { store, clock, logger };
    const rule = { succeededMs: 86_400_000, failedMs: 86_400_000, jobs: 10_000, outputBytes: 1e9 };
    const loops: Service[] = [
      ...[createDueLoop(own), createReaper(own), createReconciler(own)],
      createRetentionLoop(own, rule),
    ];
    for (const loop of loops) void loop.start();
    parts = { store, sealer, clock, random, platforms: catalogue, forbidInlineEndpoints: false };
    return { stop: () => Promise.all(loops.map((loop) => loop.stop())) };
  });
  return Object.assign(host, { api: () => parts });
}
