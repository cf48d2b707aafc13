import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFleet } from "../lib/clients.mjs";
import { addressOf } from "../lib/jobs.mjs";
import { startProcess } from "./process.mjs";

const login = { username: "bench", password: "bench" };

/**
 * The service as its users have it: a server in a process of its own, spoken to through the SDK over HTTP/2. With
 * `fleet`, a number of plain devices in another process, also a worker in one of its own, which logs in to them.
 */
export async function openPointsmanApi({ server, distDir, sdk }, { devices = 1_000, fleet: fleetSize = 0 } = {}) {
  const { Pointsman } = await sdk("index.js");
  const dir = await mkdtemp(join(tmpdir(), "pm-bench-api-"));
  const env = {
    POINTSMAN_REDIS_URL: `unix://${server.path}`,
    POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
    POINTSMAN_JOURNAL_DIR: join(dir, "journal"),
    POINTSMAN_HOST_KEY_POLICY: "accept-new",
    // What the log costs is measured with each way of writing it.
    POINTSMAN_ALLOW_RELAXED_DURABILITY: "true",
  };
  const main = join(distDir, "main.js");
  const api = await startProcess([main, "server", "--port", "0"], env, "server ready");
  const client = new Pointsman({ baseUrl: `http://127.0.0.1:${api.said.port}`, apiKey: "" });
  await client.credentials.create("bench", login);
  const fleet = fleetSize > 0 ? await startFleet(distDir, "plain", fleetSize) : undefined;
  const inventory =
    fleet?.devices.map(({ name, host, port }) => ({ name, address: host, port, platform: "cisco_ios" })) ??
    Array.from({ length: devices }, (_, n) => ({ name: `r${n}`, address: addressOf(n), platform: "cisco_ios" }));
  for (let i = 0; i < inventory.length; i += 50) {
    await Promise.all(
      inventory.slice(i, i + 50).map((device) => client.devices.create({ ...device, credential: "bench" })),
    );
  }
  const worker = fleet && (await startProcess([main, "worker"], env, "worker ready"));
  const jobOf = ({ device, text }) => ({ device, commands: JSON.parse(text).commands });

  return {
    client,
    pid: api.pid,
    port: api.said.port,
    names: inventory.map(({ name }) => name),
    enqueue: (job) => client.jobs.create(jobOf(job)),
    async enqueueMany(jobs) {
      const answers = await client.jobs.createMany(jobs.map(jobOf));
      for (const answer of answers) if (answer.error) throw answer.error;
      return answers.map(({ job }) => job);
    },
    async counts() {
      return { all: (await client.jobs.count()).total };
    },
    async close() {
      await client.close();
      await worker?.stop();
      await api.stop();
      await fleet?.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
