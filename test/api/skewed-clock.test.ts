import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { PolicyService } from "@pointsman/sdk/v1";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/system/clock.js";
import { startTestApi, type TestApi } from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { newJob, worker } from "../support/jobs.js";

let api: TestApi;
afterEach(() => api.close());

const minuteMs = 60_000;

describe.each([
  ["ahead", 10 * minuteMs],
  ["behind", -10 * minuteMs],
])("a server whose clock is ten minutes %s", (_, offMs) => {
  const start = async (): Promise<void> => {
    api = await startTestApi({ clock: { ...systemClock, now: () => systemClock.now() + offMs } });
  };

  test("lets a freeze hold from now on, and says so", async () => {
    await start();
    const policies = createClient(PolicyService, createConnectTransport({ baseUrl: api.baseUrl, httpVersion: "2" }));
    const endTime = { seconds: BigInt(Math.round(systemClock.now() / 1_000) + 300) };
    const { freeze } = await policies.createFreeze({ freeze: { name: "now", reason: "fire", endTime } });
    expect(freeze!.active).toBe(true);
    expect((await policies.listFreezes({})).freezes).toMatchObject([{ name: "now", active: true }]);
    const { job } = await api.store.jobs.create(newJob(systemClock.now(), { effectClass: "AT_MOST_ONCE" }));
    expect(await api.store.jobs.waiting([job])).toMatchObject([{ reason: "FROZEN", policy: "freeze/now" }]);
  });

  test("judges by the store's clock how long ago workers have beaten", async () => {
    await start();
    const { health } = api.clients();
    const w1 = worker("w1");
    await api.store.leases.register(w1);
    const idle = { running: 0, sessions: 0, closing: false, draining: false, succeeded: 0, failed: 0 };
    const workers = async () => {
      await api.store.leases.beat(w1, idle);
      return (await health.check({})).health!.components.find(({ name }) => name === "workers")!;
    };
    const { message, figures } = await eventually(async () => {
      const seen = await workers();
      expect(seen.figures).toMatchObject({ alive: 1n });
      // Behind, it would be 0 for ever.
      expect(seen.figures["heartbeat_age_ms"]).toBeGreaterThan(0n);
      return seen;
    }, 60_000);
    expect(figures["heartbeat_age_ms"]).toBeLessThan(BigInt(5 * minuteMs));
    expect(message).toBe("");
  });
});
