import { createHash } from "node:crypto";
import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import { isFinal } from "../../src/domain/job-state.js";
import type { ModelJob } from "../store/model/zone.js";
import { createClients } from "./clients.js";
import { createSimulatedDevice, goodDevice, type JournalLine } from "./device.js";
import { createSimulatedDisk } from "./disk.js";
import { createServerHost, createWorkerHost, type ServerHost, type Surroundings } from "./hosts.js";
import { createDoubts } from "./doubts.js";
import { createInventory } from "./inventory.js";
import { checkZone, judge, type Violation } from "./judge.js";
import { createSimulatedRedis } from "./redis.js";
import { noFaults } from "./store-link.js";
import { drawFaults, type FaultKind, startSwarm, type Swarm } from "./swarm.js";
import { createTimeline } from "./timeline.js";
import { drawWork, wishOf } from "./work.js";

/** Virtual time that a world is given, and the part of it in which things go wrong. */
const wholeMs = 120_000;
const faultyMs = 0.6 * wholeMs;
const workUntilMs = 50_000;
const maxCapacity = 8;

/** What became of a world. */
export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly faults: readonly FaultKind[];
  /** The same for the same seed. */
  readonly hash: string;
  readonly trace: readonly string[];
  /** How many jobs ended in each state. */
  readonly ends: Readonly<Record<string, number>>;
  /** Virtual milliseconds until all was settled. */
  readonly tookMs: number;
  readonly happened: number;
}

/** Lives through one world: everything in it follows from the seed. */
export async function simulate(seed: number): Promise<Outcome> {
  const random = (of: string) => createSeededRandom(`${seed}/${of}`);
  const draw = random("world");
  const timeline = createTimeline();
  const trace: string[] = [];
  const note = (line: string): void => void trace.push(`${timeline.now.toFixed(3).padStart(10)} ${line}`);
  const violations: Violation[] = [];

  const redis = createSimulatedRedis(timeline, ({ name, by, answer }) => {
    if (name.startsWith("jobs.get") || name === "upkeep.retain" || name === "workers.list") return;
    note(`${by} ${name}: ${inShort(answer)}`);
    if (name.startsWith("leases.") && name !== "leases.beat") moment(by);
    inDoubt.look();
    if (violations.length === 0) violations.push(...checkZone(redis.store.zone));
  });
  const inDoubt = createDoubts(redis.store);
  let moment: Swarm["moment"] = () => undefined;
  const inventory = createInventory(2 + Math.floor(draw.number() * 3));
  const journal: JournalLine[] = [];
  let sessions = 0;
  function heard(line: JournalLine): void {
    journal.push(line);
    note(lineOf(line));
    violations.push(...inDoubt.judge(line, wishes));
    moment(line.worker);
  }

  const deviceFaults = { ...goodDevice };
  const devices = inventory.names.map((name) =>
    createSimulatedDevice({
      ...{ timeline, name, heard, random: random(name) },
      ...{ faults: () => deviceFaults, nextSession: () => ++sessions },
    }),
  );
  const byAddress = new Map(devices.map((device, i) => [`10.0.0.${i + 1}`, device]));
  const network = { ...noFaults };
  const world: Surroundings = { seed, timeline, redis, inventory, devices: byAddress, network, trace: note };

  const servers: ServerHost[] = ["server-1", "server-2"].map((name) => createServerHost(world, name));
  const workers = ["node-1", "node-2", "node-3"].map((name) =>
    createWorkerHost(
      world,
      name,
      createSimulatedDisk(random(`${name}/disk`)),
      1 + Math.floor(draw.number() * maxCapacity),
    ),
  );

  const wishes = drawWork(draw, inventory.names, 10 + Math.floor(draw.number() * 25), workUntilMs);
  const truth = (job: ModelJob): "ALL" | "NONE" | "SOME" => {
    const wish = wishes[wishOf(job)];
    const lines = new Set(journal.filter(({ rejected }) => !rejected).map(({ line }) => line));
    const done = wish?.lines.filter((line) => lines.has(line)).length ?? 0;
    return done === 0 ? "NONE" : done === wish?.lines.length ? "ALL" : "SOME";
  };
  const clients = createClients({
    ...{ ...world, servers, truth, random: random("clients") },
    lost: () => network.replyLost,
  });
  let followed = 0;
  for (const wish of wishes) void clients.follow(wish).then(() => (followed += 1));
  void clients.watchOver();
  void clients.lookAfter(wishes);

  const faults = drawFaults(draw);
  note(`faults: ${[...faults].join(", ")}`);
  ({ moment } = startSwarm(
    { ...world, deviceFaults, workers, servers, devices, random: random("faults"), cancelStorm: clients.storm },
    faults,
    faultyMs,
  ));

  const isSettled = (): boolean =>
    followed === wishes.length &&
    wishes.every(({ number }) => {
      return [...(clients.record.accepted.get(number) ?? [])].some((id) => redis.store.zone.jobs.has(id));
    }) &&
    [...redis.store.zone.jobs.values()].every(
      ({ state, resolution }) => isFinal(state) && (state !== "INDETERMINATE" || resolution !== undefined),
    );
  await timeline.go(wholeMs, () => timeline.now > faultyMs && isSettled());
  const tookMs = timeline.now;

  const { zone } = redis.store;
  const forgetful = faults.has("store-goes-back") || faults.has("stale-replica");
  violations.push(...judge({ wishes, journal, clients: clients.record, zone, forgetful }));
  const ends: Record<string, number> = {};
  for (const { state } of zone.jobs.values()) ends[state] = (ends[state] ?? 0) + 1;
  const hash = createHash("sha256").update(trace.join("\n")).digest("hex").slice(0, 16);
  return { seed, violations, faults: [...faults], hash, trace, ends, tookMs, happened: timeline.happened };
}

function lineOf({ device, session, worker, line, rejected }: JournalLine): string {
  return `${device} heard "${line}" in session ${session} of ${worker}${rejected ? " and refused" : ""}`;
}

/** An answer of the store in a few words. */
function inShort(answer: unknown): string {
  if (answer instanceof Error) return answer.message;
  return (
    JSON.stringify(answer, (key, value: unknown) => {
      if (["spec", "result", "attempts", "creator", "labels", "address", "zone", "type"].includes(key))
        return undefined;
      return value instanceof Uint8Array ? value.length : value;
    }) ?? ""
  );
}
