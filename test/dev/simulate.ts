import { onTestFinished } from "vitest";
import type { ConnectConfig } from "ssh2";
import { createSimulator, type Simulator, type SimulatorOptions } from "../../src/dev/simulator/simulator.js";
import type { SimulatedDevice } from "../../src/dev/simulator/simulated-device.js";
import { systemClock } from "../../src/system/clock.js";

/** Who logs in, in these tests. */
export const ADMIN = { username: "admin", password: "correct horse" };
/** The enable secret of the devices in these tests. */
export const SECRET = "battery staple";

/** A device named `r1` (or as said) with {@link ADMIN} as its user and, on network platforms, {@link SECRET}. */
export function device(platform: string, more: Partial<SimulatedDevice> = {}): SimulatedDevice {
  return {
    ...{ name: "r1", platform, users: [ADMIN] },
    ...(platform === "linux" ? {} : { enableSecret: SECRET }),
    ...more,
  };
}

/** Starts devices that end with the test. */
export async function simulate(
  devices: readonly SimulatedDevice[],
  more: Partial<SimulatorOptions> = {},
): Promise<Simulator> {
  const simulator = await createSimulator({ clock: systemClock, devices, ...more });
  onTestFinished(() => simulator.close());
  return simulator;
}

/** How to log in to a device of a simulator. */
export function access(simulator: Simulator, name = "r1"): ConnectConfig {
  const { host, port } = simulator.device(name);
  return { host, port, ...ADMIN };
}
