import { once } from "node:events";
import { createSimulator } from "../../src/dev/simulator/simulator.js";
import type { SimulatedDevice } from "../../src/dev/simulator/simulated-device.js";
import { systemClock } from "../../src/system/clock.js";

/** Where a device of a part listens. */
export interface PartDevice {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly hostKeyLine: string;
}

/** What a part says: first where its devices listen, then, as often as it is asked, which were touched since it was before. */
export type PartSays = { readonly devices: readonly PartDevice[] } | { readonly touched: readonly string[] };

// The part of a fleet that one process simulates, as its first message describes it. It ends with its parent.
const say = (said: PartSays): boolean => process.send!(said);
const touched = new Set<string>();
const [devices] = (await once(process, "message")) as [readonly SimulatedDevice[]];
const simulator = await createSimulator({
  clock: systemClock,
  devices,
  journal({ kind, line, device }) {
    // A session that was idle for long enough takes its leave, whoever is at work then.
    if (kind === "connect" || (kind === "command" && line !== "exit")) touched.add(device);
  },
});
process.on("message", () => {
  say({ touched: [...touched] });
  touched.clear();
});
process.once("disconnect", () => process.exit());
say({ devices: simulator.devices.map(({ name, host, port, hostKeyLine }) => ({ name, host, port, hostKeyLine })) });
