import { setTimeout as sleep } from "node:timers/promises";
import { startClient, startFleet } from "../lib/clients.mjs";

/** A session whose device answers none of them is given up after the third: whoever is left after this was answered. */
const keepalives = { everyMs: 30_000, missed: 3 };
const heldMs = (keepalives.missed + 1) * keepalives.everyMs + 5_000;
/** Their code is compiled, and their buffers are there, before anything is counted. */
const warm = 50;

const kinds = [
  { sessions: 500, quick: true },
  { sessions: 3_000, full: true },
  { sessions: 10_000, full: true },
];

/** Logins that nobody uses: what each keeps resident, what they cost in CPU time, and whether they stay. */
const held = kinds.map(({ sessions, full, quick }) => ({
  name: `held-sessions-${sessions < 1_000 ? sessions : `${sessions / 1_000}k`}`,
  title: `${sessions.toLocaleString("en")} sessions held by one process, after a command in each`,
  unit: "KiB resident a session",
  main: "KiB",
  lowerIsBetter: true,
  withoutStore: true,
  full,
  rounds: quick ? 2 : 1,
  run: (bench) =>
    bench.inTurn(["engine", "ssh2"], async (side) => {
      const fleet = await startFleet(bench.distDir, "simulated", sessions);
      const client = await startClient(side, bench.distDir);
      await client.ask("open", { devices: fleet.devices.slice(0, warm) });
      await client.ask("ask", { command: "show running-config" });
      const before = await client.ask("rest");
      const begin = performance.now();
      await client.ask("open", { devices: fleet.devices.slice(warm) });
      const seconds = (performance.now() - begin) / 1_000;
      await client.ask("ask", { command: "show running-config" });
      const after = await client.ask("rest");
      const { cpuMs: from } = await client.ask("usage");
      const since = performance.now();
      await sleep(full ? heldMs : 10_000);
      const { cpuMs: to } = await client.ask("usage");
      const idle = (to - from) / (performance.now() - since);
      const { alive } = await client.ask("rest");
      const { failed } = await client.ask("ask", { command: "show version" });
      await client.stop();
      await fleet.stop();
      const broken = [];
      if (alive !== sessions) broken.push(`${sessions - alive} sessions were lost while they were held`);
      if (failed > 0) broken.push(`${failed} sessions did not answer afterwards`);
      const each = (name) => (after[name] - before[name]) / (sessions - warm) / 1_024;
      return {
        numbers: {
          KiB: each("rss"),
          "KiB of heap": each("heapUsed"),
          "% of a core while they are idle": idle * 100,
          "logins/s": (sessions - warm) / seconds,
        },
        broken,
        remarks: full ? [`all answered their keepalives for ${heldMs / 1_000} s`] : [],
      };
    }),
}));

const churn = { sessions: 3_000, perSecond: 50, reopen: 5, warmMs: 180_000, watchedMs: 600_000, sampleMs: 5_000 };

/** The growth of samples over time, by least squares, in their unit a minute. */
function slope(samples) {
  const mean = (of) => samples.reduce((sum, one) => sum + of(one), 0) / samples.length;
  const [t, y] = [mean((one) => one.minutes), mean((one) => one.value)];
  const covariance = samples.reduce((sum, one) => sum + (one.minutes - t) * (one.value - y), 0);
  return covariance / samples.reduce((sum, one) => sum + (one.minutes - t) ** 2, 0);
}

/** Sessions that come and go for a long time: whether what is resident grows. */
const churned = {
  name: "session-churn",
  title: `${churn.sessions.toLocaleString("en")} sessions, ${churn.perSecond} commands and ${churn.perSecond / churn.reopen} new logins a second for ${churn.watchedMs / 60_000} minutes`,
  unit: "MB/min by which the process grows",
  main: "slope",
  lowerIsBetter: true,
  withoutStore: true,
  full: true,
  rounds: 1,
  run: (bench) =>
    bench.inTurn(["engine"], async (side) => {
      const fleet = await startFleet(bench.distDir, "simulated", churn.sessions);
      const client = await startClient(side, bench.distDir);
      await client.ask("open", { devices: fleet.devices });
      await client.ask("churn", churn);
      await sleep(churn.warmMs);
      const samples = [];
      const begin = performance.now();
      while (performance.now() - begin < churn.watchedMs) {
        await sleep(churn.sampleMs);
        const { rss } = await client.ask("usage");
        samples.push({ minutes: (performance.now() - begin) / 60_000, value: rss / 1e6 });
      }
      const { done, failed } = await client.ask("calm");
      await client.stop();
      await fleet.stop();
      return {
        numbers: { slope: slope(samples), "MB at first": samples[0].value, "MB at the end": samples.at(-1).value },
        broken: failed > 0 ? [`${failed} of ${done} commands and logins failed`] : [],
        remarks: [`${done} commands`],
      };
    }),
};

export const heldScenarios = [...held, churned];
