import type { SimulatedDevice } from "../../src/dev/simulator/simulated-device.js";

/** Login of every device of a chaos run: privileged at once. */
export const login = { username: "chaos", password: "chaos-of-one-run" };

/** Where a device of a chaos run listens. */
export interface DevicePlace {
  readonly name: string;
  readonly platform: string;
  readonly port: number;
  readonly hostKeyLine: string;
}

const faults: NonNullable<SimulatedDevice["faults"]> = {
  refuseConnection: 0.01,
  delay: { chance: 0.002, ms: 2_000 },
  disconnectOnCommand: { chance: 0.001, when: "in-answer" },
};

/**
 * Devices that are as bad as devices are: some connections are refused, some lines take long, some sessions break in the
 * middle of an answer. Every fourth has a candidate configuration; on the others each line takes effect at once. `calm`
 * ones do as they are told.
 */
export function fleetOf(count: number, calm = false): SimulatedDevice[] {
  return Array.from({ length: count }, (_, n) => ({
    name: `r${n}`,
    platform: n % 4 === 3 ? "arista_eos" : "cisco_ios",
    users: [login],
    commands: [{ command: /^show job (\S+)$/, output: ({ groups }) => `this is job ${groups[0] ?? ""}\n` }],
    ...(calm ? {} : { faults }),
  }));
}

/** Lines of one configuration job: unique in the whole run. */
export function configurationOf(key: string): string[] {
  return [1, 2, 3].map((step) => `ip prefix-list ${key}s${step} permit 10.0.0.0/8`);
}

/** The command of one reading job. */
export function readOf(key: string): string {
  return `show job ${key}`;
}

/** Which line of which job was received, if it is one of ours. */
export function lineOf(text: string): { readonly key: string; readonly step: number } | undefined {
  const [, key, step] = /^\s*ip prefix-list (j\d+)s(\d) /.exec(text) ?? [];
  return key === undefined ? undefined : { key, step: Number(step) };
}
