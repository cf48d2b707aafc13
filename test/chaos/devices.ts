import { createSimulator } from "../../src/dev/simulator/simulator.js";
import { systemClock } from "../../src/system/clock.js";
import { fleetOf } from "./fleet.js";

// The simulated devices of a chaos run, in a process of their own: whatever befalls the service, their journal goes on.
// Arguments: how many, the journal's file, the seed, "calm" for devices without faults. Says on standard output where each listens.
const [count = "1", journal = "journal", seed = "1", mood = ""] = process.argv.slice(2);
const devices = fleetOf(Number(count), mood === "calm");
const simulator = await createSimulator({ clock: systemClock, devices, journal, seed });
const places = simulator.devices.map(({ name, platform, port, hostKeyLine }) => ({
  name,
  platform,
  port,
  hostKeyLine,
}));
process.stdout.write(`${JSON.stringify(places)}\n`);
