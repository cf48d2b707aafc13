import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { addressOf } from "../lib/jobs.mjs";

const login = { username: "bench", password: "bench" };

/** Starts one of the service's processes and waits for the line that says it is ready. */
async function startProcess(main, kind, env, ready) {
  const child = spawn(process.execPath, [main, kind, ...(kind === "server" ? ["--port", "0"] : [])], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines = [];
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const said = await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        lines.push(line);
        if (line.includes(ready)) resolve(JSON.parse(line));
      });
    }
    void ended.then(() => reject(new Error(`${kind} did not start: ${lines.slice(-5).join(" | ")}`)));
  });
  return {
    said,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/**
 * The service as its users have it: a server in a process of its own, spoken to through the SDK over HTTP/2. With
 * `fleet`, a number of simulated devices in this process, also a worker in one of its own, which logs in to them.
 */
export async function openPointsmanApi({ server, dist, distDir, sdk }, { devices = 1_000, fleet: fleetSize = 0 } = {}) {
  const { Pointsman } = await sdk();
  const dir = await mkdtemp(join(tmpdir(), "pm-bench-api-"));
  const env = {
    POINTSMAN_REDIS_URL: `unix://${server.path}`,
    POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
    POINTSMAN_JOURNAL_DIR: join(dir, "journal"),
    POINTSMAN_HOST_KEY_POLICY: "accept-new",
  };
  const main = join(distDir, "main.js");
  const api = await startProcess(main, "server", env, "server ready");
  const client = new Pointsman({ baseUrl: `http://127.0.0.1:${api.said.port}`, apiKey: "" });
  const { systemClock } = await dist("system/clock.js");
  const { startSimulatedFleet } = await dist("dev/simulator/fleet.js");
  const fleet = fleetSize > 0 ? await startSimulatedFleet({ clock: systemClock, count: fleetSize, dir }) : undefined;
  const [first] = fleet?.devices ?? [];
  const enableSecret = fleet?.devices.find((device) => device.enableSecret !== undefined)?.enableSecret;
  await client.credentials.create("bench", {
    ...(first ? { username: first.username, password: first.password } : login),
    ...(enableSecret === undefined ? {} : { enableSecret }),
  });
  const inventory =
    fleet?.devices.map(({ name, address, port, platform }) => ({ name, address, port, platform })) ??
    Array.from({ length: devices }, (_, n) => ({ name: `r${n}`, address: addressOf(n), platform: "cisco_ios" }));
  for (let i = 0; i < inventory.length; i += 50) {
    await Promise.all(
      inventory.slice(i, i + 50).map((device) => client.devices.create({ ...device, credential: "bench" })),
    );
  }
  const worker = fleet && (await startProcess(main, "worker", env, "worker ready"));
  const jobOf = ({ device, text }) => ({ device, commands: JSON.parse(text).commands });

  return {
    client,
    /** Devices that know the commands of network gear. */
    names: inventory.filter(({ platform }) => platform !== "linux").map(({ name }) => name),
    enqueue: (job) => client.jobs.create(jobOf(job)),
    async enqueueMany(jobs) {
      for (const answer of await client.jobs.createMany(jobs.map(jobOf))) if (answer.error) throw answer.error;
    },
    async counts() {
      return { all: (await client.jobs.count()).total };
    },
    async close() {
      await client.close();
      await worker?.stop();
      await api.stop();
      await fleet?.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
