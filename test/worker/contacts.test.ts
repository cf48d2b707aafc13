import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createContacts } from "../../src/worker/contacts.js";
import type { LiveSession } from "../../src/device/live-session.js";
import type { ReachableEndpoint } from "../../src/worker/reach.js";
import { createConnectRates } from "../../src/device/connect-rate.js";
import { DeviceError } from "../../src/device/index.js";
import { endpoint } from "../support/device-engine.js";
import { createHandClock } from "../support/hand-clock.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(() => at.empty());

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

test("a login that a bastion refuses is kept from it for all that stands behind it, and named", async () => {
  const gate = createContacts(at.store.contacts, pino({ level: "silent" }));
  const behind = (exclusive: string): ReachableEndpoint => {
    const { account, hostKeys } = reachable(exclusive);
    const login = { credential: "jump", breakerKey: "jump/1/7", accountKey: "jump" };
    return { ...reachable(exclusive), bastions: [{ address: "gw", port: 22, account, hostKeys, ...login }] };
  };
  const details = { hop: "gw:22", credentialOffered: true };
  const refuse = () => Promise.reject(new DeviceError("AUTHENTICATION_FAILED", "no", details));
  const fails = (to: ReachableEndpoint, open: () => Promise<never>) =>
    gate(to, false, open).catch((error: unknown) => error);
  for (const n of [1, 2, 3]) expect(await fails(behind(`e${n}:22`), refuse)).toBeInstanceOf(DeviceError);
  expect(await fails(behind("f:22"), refuse)).toMatchObject({
    ...{ reason: "BREAKER_OPEN", metadata: { breaker: "credential/jump/1/7", credential: "jump" } },
    message: "nobody logs in with credential jump now, after failures in a row: no (AUTHENTICATION_FAILED)",
  });
  // The way to this one leads elsewhere.
  expect(await fails(reachable("f:22"), () => Promise.reject(new Error("connected")))).toMatchObject({
    message: "connected",
  });

  at.time.now += 300_000;
  const session = { cryptoProfile: "modern" } as LiveSession;
  await gate(behind("f:22"), false, () => Promise.resolve(session));
  expect(await gate(behind("e1:22"), false, () => Promise.resolve(session))).toBe(session);
});

test("that our own rate of connecting was reached says nothing of the device", async () => {
  const gate = createContacts(at.store.contacts, pino({ level: "silent" }));
  const rates = createConnectRates(createHandClock(), 0);
  const place = [{ name: "site fra", rate: { perMinute: 1, burst: 1 } }];
  await rates.turn(place);
  for (let n = 0; n < 6; n++) {
    const turn = gate(reachable("a:22"), false, () =>
      rates.turn(place).then(() => Promise.reject(new Error("let in"))),
    );
    await expect(turn).rejects.toMatchObject({ reason: "CONNECT_RATE_LIMITED" });
  }
  const { breakers } = await at.store.contacts.look("default", "a:22", ["lab/1/5"]);
  expect(breakers).toEqual([]);
});
