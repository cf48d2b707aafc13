import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ScheduleService } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api-server.js";
import { eventually } from "../support/eventually.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

/** No loop runs beside this server, so what is due stays so. */
test("health counts the schedules that should have fired, and says how late they are", async () => {
  const { health, devices, credentials } = api.clients();
  const figures = async () =>
    (await health.check({})).health!.components.find(({ name }) => name === "schedules")!.figures;
  const none = { late_schedules: 0n, lateness_ms: 0n, due_jobs_lateness_ms: 0n };
  await eventually(async () => expect(await figures()).toMatchObject(none));
  const schedules = createClient(ScheduleService, createConnectTransport({ baseUrl: api.baseUrl, httpVersion: "2" }));
  await credentials.createCredential({ name: "lab", login: { username: "ann", password: "pw" } });
  await devices.createDevice({ device: { name: "r1", address: "10.0.0.1", platform: "cisco_ios", credential: "lab" } });
  const run = {
    devices: ["r1"],
    job: { operation: { case: "commands" as const, value: { commands: [{ command: "show clock" }] } } },
  };
  const when = { case: "every" as const, value: "every 1 seconds" };
  await schedules.createSchedule({ schedule: { name: "often", run, when }, requestId: "r1" });
  await eventually(async () => {
    const { late_schedules: late, lateness_ms: ms } = await figures();
    expect(late).toBe(1n);
    expect(ms).toBeGreaterThan(0n);
  }, 60_000);
});
