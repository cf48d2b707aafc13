import { setTimeout as sleep } from "node:timers/promises";
import { verifyWebhook } from "@pointsman/sdk";
import { Command } from "commander";
import { startHookEndpoint } from "../support/hook-endpoint.js";
import { device, startSystem } from "../support/system.js";

/**
 * npm run webhook-outage -- --seconds N: an endpoint is down for a while, in real processes. Everything that happened
 * meanwhile has to be heard once it is back: each id once, with a valid signature.
 */
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { seconds, jobs, patience } = new Command("webhook-outage")
  .description("An endpoint of a webhook is down for a while, and hears of everything afterwards")
  .option("--seconds <n>", "how long it is down", Number, 600)
  .option("--jobs <n>", "jobs that end meanwhile", Number, 30)
  .option("--patience <n>", "seconds within which all has to be heard", Number, 600)
  .parse()
  .opts<{ readonly seconds: number; readonly jobs: number; readonly patience: number }>();

const secret = "a-secret-of-the-endpoint";
const endpoint = await startHookEndpoint();
const system = await startSystem({
  devices: [device("r1")],
  env: { POINTSMAN_HTTP_ALLOW_ADDRESSES: "127.0.0.1", POINTSMAN_LOG_LEVEL: "info" },
});
const broken: string[] = [];
try {
  await system.client.webhooks.create({ name: "ops", url: endpoint.url }, secret);
  await endpoint.stop();
  const wanted = new Set<string>();
  for (let i = 0; i < jobs; i++) {
    const { id } = await system.client.jobs.run({ device: "r1", commands: ["show clock"] });
    wanted.add(id);
    await sleep((seconds * 1_000) / jobs);
  }
  const { items } = await system.client.webhooks.deliveries("ops", { pageSize: 1_000 });
  const attempts = items.map(({ attemptCount }) => attemptCount);
  say(
    `down for ${seconds} s: ${items.length} deliveries, ${Math.min(...attempts)} to ${Math.max(...attempts)} attempts`,
  );
  const backMs = performance.now();
  await endpoint.start();
  const toWaitUntil = backMs + patience * 1_000;
  while (endpoint.received.length < wanted.size && performance.now() < toWaitUntil) await sleep(100);
  const heardMs = Math.round(performance.now() - backMs);
  // What is delivered is not posted again: with nothing left in the outbox, whatever comes twice has come.
  const pending = async (): Promise<boolean> => {
    const { items } = await system.client.webhooks.deliveries("ops", { states: ["PENDING"] });
    return items.length > 0;
  };
  while ((await pending()) && performance.now() < toWaitUntil) await sleep(100);
  const ids = new Map<string, number>();
  for (const { headers, body } of endpoint.received) {
    const { id, data } = verifyWebhook(body, headers, { secret });
    ids.set(id, (ids.get(id) ?? 0) + 1);
    wanted.delete((data as { readonly job: { readonly id: string } }).job.id);
  }
  say(`${ids.size} ids heard, all signed, ${heardMs} ms after it was back`);
  for (const id of wanted) broken.push(`job ${id} was not told of`);
  for (const [id, times] of ids) if (times > 1) broken.push(`${id} was delivered ${times} times`);
} finally {
  await system.close();
  await endpoint.stop();
}
for (const one of broken) say(`FAIL ${one}`);
say(broken.length === 0 ? "PASS" : `FAIL: ${broken.length} promises broken`);
process.exit(broken.length === 0 ? 0 : 1);
