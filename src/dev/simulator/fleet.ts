import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../domain/clock.js";
import { keepHostKey } from "./host-key.js";
import type { JournalEntry } from "./journal.js";
import type { SimulatedDevice } from "./simulated-device.js";
import { createSimulator, type Simulator } from "./simulator.js";

/** What {@link startSimulatedFleet} needs to know. */
export interface FleetOptions {
  readonly clock: Clock;
  /** Number of devices. */
  readonly count: number;
  /** Data folder: keeps host key, credentials and ports (mode 0600), so that a restarted fleet is the same fleet. */
  readonly dir: string;
  readonly seed?: string | number;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** As for {@link createSimulator}. */
  readonly journal?: string | ((entry: JournalEntry) => void);
}

/** A device of the fleet, with all that a caller needs to reach it. */
export interface FleetDevice {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly platform: string;
  readonly username: string;
  readonly password: string;
  /** Asked for by `enable`; undefined where the login is privileged already. */
  readonly enableSecret: string | undefined;
  /** Host key as a known_hosts line without the host. */
  readonly hostKeyLine: string;
  /** `site` and `role`. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A fleet that listens. */
export interface Fleet {
  readonly devices: readonly FleetDevice[];
  readonly simulator: Simulator;
  close(): Promise<void>;
}

const SITES = ["fra", "ams", "lon", "par", "mad", "mil", "vie", "waw"];
const ROLES = [
  { role: "switch", short: "sw", platform: "arista_eos" },
  { role: "router", short: "r", platform: "cisco_ios" },
  { role: "route-server", short: "rs", platform: "frr" },
  { role: "server", short: "srv", platform: "linux" },
];
const USERNAME = "admin";

interface Kept {
  readonly password: string;
  readonly enableSecret: string;
  readonly ports: Readonly<Record<string, number>>;
}

/**
 * Starts the simulated network of `pointsman dev` and the demo: `fra-sw1` (arista_eos), `fra-r1` (cisco_ios), `fra-rs1`
 * (frr), `fra-srv1` (linux), then the next sites, then `fra-sw2` and so on. Ports are kept between starts where they
 * are still free, so that an inventory that was written once stays true.
 */
export async function startSimulatedFleet(options: FleetOptions): Promise<Fleet> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const path = join(options.dir, "fleet.json");
  const kept = read(path) ?? { password: secret(), enableSecret: secret(), ports: {} };
  const members = Array.from({ length: options.count }, (_none, at) => describe(at));
  const definitions = members.map(({ name, platform }): SimulatedDevice => {
    const port = kept.ports[name];
    return {
      ...{ name, platform, users: [{ username: USERNAME, password: kept.password }] },
      ...(platform === "linux" ? {} : { enableSecret: kept.enableSecret }),
      ...(port === undefined ? {} : { preferredPort: port }),
    };
  });
  const start = (devices: readonly SimulatedDevice[]): Promise<Simulator> =>
    createSimulator({
      ...{ clock: options.clock, devices, hostKey: keepHostKey(options.dir) },
      listen: { host: options.host ?? "127.0.0.1" },
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.journal === undefined ? {} : { journal: options.journal }),
    });
  const simulator = await start(definitions);
  const devices = members.map(({ name, platform, labels }): FleetDevice => {
    const { port, host, hostKeyLine } = simulator.device(name);
    return {
      ...{ name, platform, labels, port, hostKeyLine, address: host },
      ...{ username: USERNAME, password: kept.password },
      enableSecret: platform === "linux" ? undefined : kept.enableSecret,
    };
  });
  const ports = { ...kept.ports, ...Object.fromEntries(devices.map(({ name, port }) => [name, port])) };
  writeFileSync(path, JSON.stringify({ ...kept, ports }), { mode: 0o600 });
  return { devices, simulator, close: simulator.close };
}

function describe(at: number): { name: string; platform: string; labels: Record<string, string> } {
  const { role, short, platform } = ROLES[at % ROLES.length]!;
  const place = Math.floor(at / ROLES.length);
  const site = SITES[place % SITES.length]!;
  return { name: `${site}-${short}${Math.floor(place / SITES.length) + 1}`, platform, labels: { site, role } };
}

function read(path: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function secret(): string {
  return randomBytes(12).toString("base64url");
}
