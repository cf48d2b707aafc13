import { startClient, startFleet } from "../lib/clients.mjs";
import { median, percentile } from "../lib/statistics.mjs";
import { findPeers, mostDevices, runPeer } from "../sides/peers.mjs";

const shows = Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? "show version" : "show ip interface brief"));
const lines = ["interface Loopback0", ...Array.from({ length: 19 }, (_, n) => ` description line ${n}`)];
/** How many devices the libraries work at together, each in a thread; we and the bare loop work at all. */
const atOnce = 100;

const matrix = [1, 100, 1_000].flatMap((devices) =>
  [0, 5, 50].map((delayMs) => ({ devices, delayMs, full: devices === 1_000 || (delayMs > 0 && devices > 1) })),
);

const perMinute = (devices, seconds) => (devices / seconds) * 60;

/**
 * So often, and for so long, all devices are worked at once they are logged in to. One pass of a hundred is over within
 * a tenth of a second, and a worker is up for days: five of them would tell of code that is not compiled yet.
 */
const warmPasses = 5;
const warmMs = 5_000;

/** One of ours or of the bare loop: all passes in one process, whose time and memory are its alone. */
async function measureClient(side, bench, devices) {
  const client = await startClient(side, bench.distDir);
  const warmUp = devices.slice(0, Math.min(10, devices.length));
  const order = { shows, lines, atOnce: devices.length };
  for (let i = 0; i < 10; i++) await client.ask("work", { ...order, devices: warmUp, keep: false });
  const pass = async () => {
    const { cpuMs: from } = await client.ask("usage");
    const begin = performance.now();
    await client.ask("work", { ...order, devices, keep: true });
    const seconds = (performance.now() - begin) / 1_000;
    const { cpuMs: to, maxRss } = await client.ask("usage");
    return { perMinute: perMinute(devices.length, seconds), cpuMs: (to - from) / devices.length, maxRss };
  };
  const cold = await pass();
  const warm = [];
  const untilMs = performance.now() + warmMs;
  while (warm.length < warmPasses || performance.now() < untilMs) warm.push(await pass());
  await client.stop();
  const middle = (of) => median(warm.map(of));
  return {
    warm: middle((one) => one.perMinute),
    "cold/min": cold.perMinute,
    "ms of CPU a device, warm": middle((one) => one.cpuMs),
    "ms of CPU a device, cold": cold.cpuMs,
    "MB at most": warm.at(-1).maxRss / 1e6,
  };
}

/** One of the libraries, once. */
async function measurePeer(name, peer, all) {
  const devices = all.slice(0, mostDevices[name]);
  const said = await runPeer(name, peer, { devices, shows, lines, atOnce });
  const { cold, warm = cold, failed } = said;
  const cpu = (seconds) => (seconds * 1_000) / devices.length;
  const used = {
    "ms of CPU a device, warm": cpu(said.warmCpu),
    "ms of CPU a device, cold": cpu(said.coldCpu),
    "MB at most": said.rss / 1e6,
  };
  const rates = { warm: perMinute(devices.length, warm), "cold/min": perMinute(devices.length, cold) };
  return {
    numbers: name === "ansible" ? rates : { ...rates, ...used },
    remarks: [
      peer.version,
      ...(devices.length < all.length ? [`at ${devices.length} of the devices`] : []),
      ...(name === "ansible" ? ["always logs in"] : []),
      ...(failed > 0 ? [`failed ${failed} times`] : []),
    ],
  };
}

/** 10 commands that show something and 20 lines of configuration, at one device or at many, near or far. */
const work = matrix.map(({ devices: count, delayMs, full }) => ({
  name: `ssh-${count}${delayMs > 0 ? `-${delayMs}ms` : ""}`,
  title: `10 × show and 20 lines at ${count.toLocaleString("en")} device${count > 1 ? "s at once" : ""}, ${delayMs} ms away`,
  unit: "devices/min, logged in",
  main: "warm",
  withoutStore: true,
  full,
  run: async (bench) => {
    const peers = await findPeers();
    const fleet = await startFleet(bench.distDir, "plain", count, delayMs);
    try {
      const ours = await bench.inTurn(["engine", "ssh2"], async (side) => ({
        numbers: await measureClient(side, bench, fleet.devices),
      }));
      const theirs = await bench
        .for({ rounds: 1 })
        .inTurn([...peers.keys()], (name) => measurePeer(name, peers.get(name), fleet.devices));
      return new Map([...ours, ...theirs]);
    } finally {
      await fleet.stop();
    }
  },
}));

const largeOutput = {
  name: "ssh-10MB",
  title: "One command that prints 10 MB",
  unit: "MB/s",
  main: "rate",
  withoutStore: true,
  run: async (bench) => {
    const fleet = await startFleet(bench.distDir, "plain", 1);
    const [device] = fleet.devices;
    const results = await bench.inTurn(["engine", "ssh2"], async (side) => {
      const client = await startClient(side, bench.distDir);
      await client.ask("open", { devices: [device] });
      const command = "show tech-support";
      await client.ask("show", { device, command });
      const { cpuMs: from } = await client.ask("usage");
      const begin = performance.now();
      const { bytes } = await client.ask("show", { device, command });
      const seconds = (performance.now() - begin) / 1_000;
      const { cpuMs: to, maxRss } = await client.ask("usage");
      await client.stop();
      const broken = bytes < 10_000_000 ? [`only ${bytes} bytes came`] : [];
      return { numbers: { rate: bytes / 1e6 / seconds, "ms of CPU": to - from, "MB at most": maxRss / 1e6 }, broken };
    });
    await fleet.stop();
    return results;
  },
};

export const sshScenarios = [...work, largeOutput];

/** A warm `show` over bare ssh2 at p50, in milliseconds: what the way through the service is measured against. */
export async function bareShow(bench, count) {
  const fleet = await startFleet(bench.distDir, "plain", 1);
  const client = await startClient("ssh2", bench.distDir);
  const [device] = fleet.devices;
  const { times } = await client.ask("time", { device, command: "show version", count });
  await client.stop();
  await fleet.stop();
  return { p50: percentile(times, 0.5), "ms at p99": percentile(times, 0.99) };
}
