import { verifyWebhook } from "@pointsman/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { eventually } from "../support/eventually.js";
import { type HookEndpoint, startHookEndpoint } from "../support/hook-endpoint.js";
import { device, startOurs, startSystem, type System } from "../support/system.js";

const secret = "a-secret-of-the-endpoint";
let system: System;
let endpoint: HookEndpoint;
beforeAll(async () => {
  endpoint = await startHookEndpoint();
  system = await startSystem({
    devices: [device("r1")],
    env: { POINTSMAN_HTTP_ALLOW_ADDRESSES: "127.0.0.1" },
  });
});
afterAll(async () => {
  await endpoint.stop();
  await system.close();
});

const show = () => system.client.jobs.run({ device: "r1", commands: ["show clock"] });
const deliveries = async () => (await system.client.webhooks.deliveries("ops")).items;

describe("webhooks of real servers", () => {
  test("from the command line: created, told, listed, redelivered, removed; the secret is seen nowhere", async () => {
    const setting = { url: system.url, stdin: `${secret}\n` };
    const made = await runCli(["webhooks", "create", "ops", endpoint.url, "--event", "job.succeeded"], setting);
    expect(made).toMatchObject({ status: 0, stdout: `ops: ${endpoint.url} is told of job.succeeded\n` });
    const { id } = await show();
    await eventually(() => expect(endpoint.received).toHaveLength(1));
    const [got] = endpoint.received;
    const event = verifyWebhook(got!.body, got!.headers, { secret });
    expect(event).toMatchObject({
      type: "job.succeeded",
      data: { job: { id, device: "r1", state: "JOB_STATE_SUCCEEDED" } },
    });

    await eventually(async () => expect((await deliveries())[0]).toMatchObject({ id: event.id, attemptCount: 1 }));
    const listed = await runCli(["webhooks", "deliveries", "ops", "--state", "delivered"], setting);
    expect(listed.stdout).toContain(`${event.id}  job.succeeded  ${id}  delivered`);
    expect(await runCli(["webhooks", "redeliver", "ops", event.id, "nobody"], setting)).toMatchObject({
      ...{ status: 0, stdout: "1 tried again\n", stderr: "nobody is pending already, or not kept\n" },
    });
    await eventually(() => expect(endpoint.received).toHaveLength(2));
    expect(endpoint.received[1]!.headers["webhook-id"]).toBe(event.id);
    const all = await runCli(["webhooks"], setting);
    expect(all.stdout).toContain(`ops   ${endpoint.url}  job.succeeded`);
    const seen = [made, listed, all, await runCli(["webhooks", "--json"], setting)];
    expect(JSON.stringify(seen) + system.server.log.join("\n")).not.toContain(secret);

    const update = (...words: string[]) => runCli(["webhooks", ...words], setting);
    expect((await update("update", "ops", "--label", "site=fra", "--description", "the pager")).stdout).toBe(
      `ops: ${endpoint.url} is told of everything with site=fra\n`,
    );
    expect((await update("pause", "ops")).stdout).toContain("; it is paused\n");
    expect((await update("resume", "ops")).stdout).toContain("with site=fra\n");
    expect((await update("update", "ops", "--no-filter")).stdout).toContain("is told of everything\n");
    expect((await update("update", "ops", "--ordered")).stdout).toContain("is told of everything, in order\n");
    expect((await update("list")).stdout).toContain("in order");
    expect((await update("update", "ops", "--no-ordered")).stdout).toContain("is told of everything\n");
    expect((await update("update", "ops")).stderr).toContain("nothing to change");
    const rotated = await runCli(["webhooks", "rotate-secret", "ops"], { ...setting, stdin: `${secret}-2\n` });
    expect(rotated.stdout).toContain("ops: the old secret signs, too, until 20");
    await show();
    await eventually(() => expect(endpoint.received).toHaveLength(3));
    const both = endpoint.received[2]!;
    for (const one of [secret, `${secret}-2`])
      expect(verifyWebhook(both.body, both.headers, { secret: one }).id).toBeTruthy();
    expect((await update("list")).stdout).toContain("the pager");
    expect(await runCli(["webhooks", "delete", "ops"], setting)).toMatchObject({ stdout: "ops is removed\n" });
    expect((await runCli(["webhooks", "deliveries", "ops"], setting)).stderr).toBe(
      "error: no webhook ops (WEBHOOK_NOT_FOUND)\n",
    );
  });

  test("a server that is killed in the middle of a delivery leaves it to another, under the same id", async () => {
    await system.client.webhooks.create({ name: "ops", url: endpoint.url }, secret);
    const before = endpoint.received.length;
    // Silent for as long as the first server lives.
    endpoint.answer = () => undefined;
    const { id } = await show();
    await eventually(() => expect(endpoint.received.length).toBe(before + 1));
    await system.server.kill();
    endpoint.answer = (_request, response) => void response.writeHead(200).end();
    const other = startOurs(["server"], system.env);
    try {
      await other.logged("server ready");
      await eventually(() => expect(endpoint.received.length).toBeGreaterThanOrEqual(before + 2), 120_000);
      const [first, second] = endpoint.received.slice(before);
      expect(second!.headers["webhook-id"]).toBe(first!.headers["webhook-id"]);
      expect(second!.body).toBe(first!.body);
      expect(verifyWebhook(second!.body, second!.headers, { secret }).data).toMatchObject({ job: { id } });
    } finally {
      await other.stop();
    }
  });
});
