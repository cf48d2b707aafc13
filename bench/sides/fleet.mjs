import { once } from "node:events";
import { connect, createServer } from "node:net";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createDelay } from "../lib/delay.mjs";
import { startPlainDevices } from "./plain-devices.mjs";

/*
 * Devices in a process of their own. argv: which kind, the compiled service, how many, what their names begin with, and
 * how many milliseconds a byte takes there and back. Says once where they listen.
 */
const [kind, dist, count, prefix, delayMs] = process.argv.slice(2);
const names = Array.from({ length: Number(count) }, (_, n) => `${prefix}${n}`);

async function startSimulated() {
  const module = (path) => import(pathToFileURL(resolve(dist, path)).href);
  const { createSimulator } = await module("dev/simulator/simulator.js");
  const { systemClock } = await module("system/clock.js");
  const users = [{ username: "bench", password: "bench", privileged: true }];
  const devices = names.map((name) => ({ name, platform: "cisco_ios", users, enableSecret: "bench" }));
  const simulator = await createSimulator({ clock: systemClock, devices });
  return simulator.devices.map(({ name, host, port, hostKeyLine }) => ({ name, host, port, hostKeyLine }));
}

/** A port whose bytes take half of the delay each way. */
async function farAway({ host, port, ...device }) {
  const server = createServer({ noDelay: true }, (near) => {
    createDelay(near, connect({ host, port, noDelay: true }), Number(delayMs) / 2);
  });
  server.listen({ host, port: 0, backlog: 4_096 });
  await once(server, "listening");
  return { ...device, host, port: server.address().port };
}

let devices = await (kind === "plain" ? startPlainDevices(names) : startSimulated());
if (Number(delayMs) > 0) devices = await Promise.all(devices.map(farAway));
process.stdout.write(`${JSON.stringify({ msg: "ready", devices })}\n`);
process.once("SIGTERM", () => process.exit(0));
// Whoever asked for the devices may have died without a word.
const asker = process.ppid;
setInterval(() => process.ppid === asker || process.exit(0), 1_000);
