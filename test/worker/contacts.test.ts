import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createContacts } from "../../src/worker/contacts.js";
import type { ReachableEndpoint } from "../../src/worker/reach.js";
import { endpoint } from "../support/device-engine.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

const reachable = (exclusive: string): ReachableEndpoint => ({
  ...endpoint(22, ""),
  ...{ zone: "default", exclusive, labels: {}, credential: "lab", breakerKey: "lab/1/5" },
});

test("who is kept from connecting is told which login is out, or that the device is", async () => {
  const gate = createContacts(at.store.contacts, pino({ level: "silent" }));
  const told = (exclusive: string) =>
    gate(reachable(exclusive), false, () => Promise.reject(new Error("connected"))).catch((error: unknown) => error);
  const refused = { kind: "refused", reason: "AUTHENTICATION_FAILED", message: "no" } as const;
  const silent = { kind: "unreachable", reason: "DEVICE_UNREACHABLE", message: "no answer" } as const;
  const times = async (count: number, place: string, outcome: typeof refused | typeof silent) => {
    const contact = { zone: "default", endpoint: place, credential: "lab/1/5" };
    for (let n = 0; n < count; n++) await at.store.contacts.end(contact, outcome);
  };
  await times(5, "a:22", silent);
  expect(await told("a:22")).toMatchObject({
    ...{ reason: "BREAKER_OPEN", metadata: { breaker: "device/a:22" } },
    message: "nobody connects now, after failures in a row: no answer (DEVICE_UNREACHABLE)",
  });
  await times(3, "b:22", refused);
  const message = "nobody logs in with credential lab now, after failures in a row: no (AUTHENTICATION_FAILED)";
  expect(await told("b:22")).toMatchObject({ message, metadata: { breaker: "device/b:22", credential: "lab" } });
  expect(await told("c:22")).toMatchObject({
    ...{ message, metadata: { breaker: "credential/lab/1/5", credential: "lab" } },
  });
});
