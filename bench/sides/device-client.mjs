import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { openBareSsh2 } from "./bare-ssh2.mjs";
import { openEngine } from "./engine.mjs";

/*
 * Whoever works with devices, in a process of its own, so that its memory and its CPU time are its alone. argv: which of
 * the two, and the compiled service. Takes orders from its parent, one at a time, and answers each.
 */
const [which, dist] = process.argv.slice(2);
const module = (path) => import(pathToFileURL(resolve(dist, path)).href);
const client = await { engine: openEngine, ssh2: openBareSsh2 }[which](module);
/** Those that were logged in to with `open`. */
const devices = [];
let timer;

/** Works through the list, some at a time. */
async function each(list, atOnce, work) {
  let next = 0;
  const turn = async () => {
    while (next < list.length) await work(list[next++]);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, list.length) }, turn));
}

const orders = {
  /** Logs in everywhere, `atOnce` at a time, and stays. */
  async open({ devices: given, atOnce = 32 }) {
    devices.push(...given);
    await each(given, atOnce, (device) => client.open(device));
  },
  /** Commands, then lines of configuration at each device, `atOnce` of them at a time; `keep` leaves the sessions open. */
  async work({ devices: given, shows, lines, atOnce, keep }) {
    await each(given, atOnce, async (device) => {
      await client.show(device, ...shows);
      await client.configure(device, lines);
      if (!keep) await client.leave(device);
    });
  },
  /** How long a command takes, in milliseconds, again and again behind a few that do not count. */
  async time({ device, command, count }) {
    const times = [];
    for (let i = -20; i < count; i++) {
      const begin = performance.now();
      await client.show(device, command);
      if (i >= 0) times.push(performance.now() - begin);
    }
    return { times };
  },
  /** One command at one device. Answers with the length of its output. */
  show: ({ device, command }) => client.show(device, command),
  /** What is resident, with what is not needed any more let go; `alive` sessions were never lost. */
  async rest() {
    for (let i = 0; i < 5; i++) {
      globalThis.gc();
      await new Promise((done) => setTimeout(done, 200));
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external, alive: client.alive() };
  },
  usage() {
    const { user, system } = process.cpuUsage();
    return {
      cpuMs: (user + system) / 1_000,
      rss: process.memoryUsage().rss,
      maxRss: process.resourceUsage().maxRSS * 1_024,
    };
  },
  /** One command at every session. Answers how many did not answer as they should. */
  async ask({ command }) {
    let failed = 0;
    await each(devices, 32, async (device) => {
      await client.show(device, command).catch(() => failed++);
    });
    return { failed };
  },
  /** From now on: so many commands a second, one in `reopen` of them followed by a new login. */
  churn({ perSecond, reopen }) {
    const among = [...devices];
    let at = 0;
    let failed = 0;
    const one = async (number) => {
      const device = among[number % among.length];
      await client.show(device, "show version");
      if (reopen === undefined || number % reopen !== 0) return;
      await client.leave(device);
      await client.open(device);
    };
    timer = setInterval(() => one(at++).catch(() => failed++), 1_000 / perSecond);
    orders.calm = () => {
      clearInterval(timer);
      return { done: at, failed };
    };
  },
  watchLoop() {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    orders.loop = () => {
      delay.disable();
      return { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 };
    };
  },
};

process.on("message", async ({ id, order, given }) => {
  try {
    process.send({ id, answer: (await orders[order](given)) ?? {} });
  } catch (error) {
    process.send({ id, failure: `${error.message}` });
  }
});
process.on("disconnect", () => process.exit(0));
process.send({ ready: true });
