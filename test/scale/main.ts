import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pointsman } from "@pointsman/sdk";
import { startPrivateRedis } from "../../src/dev/private-redis.js";
import { device, login, startOurs } from "../support/system.js";
import { startFleet } from "./fleet.js";

/**
 * A run over many simulated devices in real processes, told in figures: how long it takes to be accepted and to end, what
 * is streamed meanwhile, and that a run which stops leaves the rest untouched by the devices' own journals.
 * `npm run scale -- [devices] [workers]`, 10,000 and 2 unless said otherwise.
 */
const total = Number(process.argv[2] ?? 10_000);
const workers = Number(process.argv[3] ?? 2);
/** Every so many-th device is of another kind, which does not know the command. */
const failing = 20;
const command = "show ip route";
const limit = 10;
const failures = ["FAILED", "EXPIRED", "INDETERMINATE"] as const;

function say(what: string, value: string | number): void {
  process.stdout.write(`${what.padEnd(52)} ${value}\n`);
}
const seconds = (fromMs: number): string => `${((performance.now() - fromMs) / 1_000).toFixed(2)} s`;

const names = Array.from({ length: total }, (_, i) => `r${String(i).padStart(6, "0")}`);
const platforms = new Map(names.map((name, i) => [name, i % failing === failing - 1 ? "arista_eos" : "cisco_ios"]));
const dir = await mkdtemp(join(tmpdir(), "pm-scale-"));
const redis = await startPrivateRedis({ dir: join(dir, "redis") });
const fleet = await startFleet(names.map((name) => device(name, { platform: platforms.get(name)! })));
const env = {
  POINTSMAN_REDIS_URL: redis.socketPath,
  POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
  POINTSMAN_JOURNAL_DIR: join(dir, "journal"),
  POINTSMAN_PORT: "0",
  POINTSMAN_CAPACITY: String(Math.ceil(total / workers) + 1),
  // All of them stand at one site, whose limit is for the sake of what is not here.
  POINTSMAN_SITE_CONNECTS_PER_MINUTE: "1000000",
  POINTSMAN_LOG_LEVEL: "warn",
};
const server = startOurs(["server"], { ...env, POINTSMAN_LOG_LEVEL: "info" });
const { host, port } = await server.logged("server ready");
const client = new Pointsman({ baseUrl: `http://${String(host)}:${String(port)}`, apiKey: "", timeoutMs: 120_000 });
const others = Array.from({ length: workers }, () => startOurs(["worker"], { ...env, POINTSMAN_LOG_LEVEL: "info" }));
let failed = false;
function must(holds: boolean, what: string): void {
  if (holds) return;
  failed = true;
  say("DOES NOT HOLD", what);
}
/** Why targets failed, most often first, with one example for each reason that none of them had to have. */
async function sayFailures(run: string): Promise<void> {
  const reasons = new Map<string, { count: number; readonly example: string }>();
  for await (const { target, error } of client.runs.targets(run, { states: failures, pageSize: 1_000 })) {
    const reason = error?.reason ?? "no reason";
    const known = reasons.get(reason);
    if (known) known.count++;
    else reasons.set(reason, { count: 1, example: `${target}: ${error?.deviceMessage || error?.message || ""}` });
  }
  for (const [reason, { count, example }] of [...reasons].sort(([, a], [, b]) => b.count - a.count))
    say(`  ${reason}`, reason === "DEVICE_REJECTED" ? count : `${count}, such as ${example}`);
}

try {
  await Promise.all(others.map((worker) => worker.logged("worker ready")));
  await client.credentials.create("lab", login);
  await client.devices.createMany(
    fleet.devices.map(({ name, host, port, hostKeyLine }) => ({
      ...{ name, address: host, port, hostKeys: [hostKeyLine] },
      ...{ platform: platforms.get(name)!, credential: "lab" },
    })),
  );
  say("devices", total);

  const askedMs = performance.now();
  const all = await client.runs.create({ selector: { all: true }, commands: [command] });
  say("a run over all of them by selector, accepted in", seconds(askedMs));
  let streamed = 0;
  let firstMs: number | undefined;
  for await (const item of client.runs.watch(all.id)) {
    if (item.kind !== "ended") continue;
    streamed++;
    firstMs ??= performance.now() - askedMs;
  }
  const whole = await client.runs.get(all.id);
  say("first end streamed after", `${((firstMs ?? 0) / 1_000).toFixed(2)} s`);
  say("ended in", seconds(askedMs));
  say("ends streamed", streamed);
  say("succeeded, failed", `${whole.counts?.succeeded ?? 0}, ${whole.counts?.failed ?? 0}`);
  await sayFailures(all.id);
  must(streamed === total, "every end is streamed once");
  must(whole.counts?.failed === Math.floor(total / failing), "those fail that do not know the command");

  const namedMs = performance.now();
  await fleet.touched();
  const stopping = await client.runs.create({
    devices: names,
    commands: [command],
    rollout: { canary: 1, batch: "10%", maxParallel: 200, maxFailures: limit },
  });
  say("a run over all of them by name, accepted in", seconds(namedMs));
  const stopped = await client.runs.wait(stopping);
  await sayFailures(stopping.id);
  const touched = await fleet.touched();
  const untouched: string[] = [];
  for await (const target of client.runs.targets(stopping.id, { states: ["UNTOUCHED"], pageSize: 1_000 }))
    untouched.push(target.target);
  say(`stopped after ${limit} failures in`, seconds(namedMs));
  say("untouched, by the run", untouched.length);
  say("of these touched, by the devices' journals", untouched.filter((name) => touched.has(name)).length);
  must(untouched.length > 0 && untouched.every((name) => !touched.has(name)), "what is untouched was not touched");
  must((stopped.counts?.pending ?? 1) + (stopped.counts?.started ?? 1) === 0, "nothing is left open");
} finally {
  client.close();
  await Promise.all([server, ...others].map((one) => one.stop()));
  await fleet.close();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
