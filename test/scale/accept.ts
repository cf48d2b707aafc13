import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pointsman } from "@pointsman/sdk";
import { startPrivateRedis } from "../../src/dev/private-redis.js";
import { login, startOurs } from "../support/system.js";

/**
 * How long a run takes to be accepted: by name and by selector, with and without words, over devices that nobody works
 * on. `npm run scale:accept -- [devices]`, 10,000 unless said otherwise.
 */
const total = Number(process.argv[2] ?? 10_000);
const dir = await mkdtemp(join(tmpdir(), "pm-accept-"));
const redis = await startPrivateRedis({ dir: join(dir, "redis") });
const server = startOurs(["server"], {
  POINTSMAN_REDIS_URL: redis.socketPath,
  POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
  POINTSMAN_JOURNAL_DIR: join(dir, "journal"),
  POINTSMAN_PORT: "0",
});
const { host, port } = await server.logged("server ready");
const client = new Pointsman({ baseUrl: `http://${String(host)}:${String(port)}`, apiKey: "", timeoutMs: 120_000 });
/** Processor time that the server has used, in milliseconds: what does not depend on who else is at work. */
function cpuMs(): number {
  const [, rest = ""] = readFileSync(`/proc/${server.child.pid}/stat`, "utf8").split(") ");
  const fields = rest.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const devices = Array.from({ length: total }, (_, i) => `r${String(i).padStart(6, "0")}`);
try {
  await client.credentials.create("lab", login);
  await client.devices.createMany(
    devices.map((name, i) => ({
      name,
      address: `10.${Math.floor(i / 65_536)}.${Math.floor(i / 256) % 256}.${i % 256}`,
      platform: "cisco_ios",
      credential: "lab",
      labels: { site: `s${i % 40}` },
    })),
  );
  const commands = ["show version"];
  const words = ["show interface {{uplink}}"];
  const targets = devices.map((device, i) => ({ device, variables: { uplink: `Ethernet${i % 48}` } }));
  const rollout = { holdAfterCanary: true, canary: 1 };
  for (const [what, run] of [
    ["by name", { devices, commands, rollout }],
    ["by selector", { selector: { all: true }, commands, rollout }],
    ["each with a word of its own", { targets, commands: words, rollout }],
  ] as const) {
    for (let round = 1; round <= 3; round++) {
      const [fromMs, fromCpu] = [performance.now(), cpuMs()];
      const { id, counts } = await client.runs.create(run);
      const ms = Math.round(performance.now() - fromMs);
      const cpu = `${cpuMs() - fromCpu} ms of the server's processor`;
      process.stdout.write(`${String(counts?.pending).padStart(7)} targets ${what.padEnd(28)} ${ms} ms, ${cpu}\n`);
      await client.runs.cancel(id);
    }
  }
} finally {
  client.close();
  await server.stop();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
}
