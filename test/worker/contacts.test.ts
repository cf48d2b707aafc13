import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
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

describe("a bastion that is not reached", () => {
  const dead = (details: object = {}) =>
    new DeviceError("DEVICE_UNREACHABLE", "no answer", { hop: "gw:22", ...details });
  const behind = (exclusive: string): ReachableEndpoint => {
    const { account, hostKeys } = reachable(exclusive);
    const login = { credential: "jump", breakerKey: "jump/1/7", accountKey: "jump" };
    return { ...reachable(exclusive), bastions: [{ address: "gw", port: 22, account, hostKeys, ...login }] };
  };
  const breakersOf = async (exclusive: string) =>
    (await at.store.contacts.look("default", exclusive, [], ["gw:22"])).breakers.map(({ name }) => name);
  const gate = createContactsOf();
  function createContactsOf() {
    const silent = pino({ level: "silent" });
    let made: ReturnType<typeof createContacts> | undefined;
    return (to: ReachableEndpoint, error: Error) =>
      (made ??= createContacts(at.store.contacts, silent))(to, false, () => Promise.reject(error)).catch(
        (failure: unknown) => failure,
      );
  }

  test("keeps everybody from going through it, and counts against no device behind it", async () => {
    for (const n of [1, 2, 3, 4, 5]) await gate(behind("a:22"), dead({ cause: n }));
    expect(await breakersOf("a:22")).toEqual(["bastion/gw:22"]);
    expect(await gate(behind("b:22"), new Error("connected"))).toMatchObject({
      ...{ reason: "BREAKER_OPEN", metadata: { breaker: "bastion/gw:22" } },
      message: "nobody connects through bastion gw:22 now, after failures in a row: no answer (DEVICE_UNREACHABLE)",
    });
    expect(await gate(reachable("a:22"), new Error("connected"))).toMatchObject({ message: "connected" });
    expect(await at.store.contacts.reset("default", "b:22", [], ["gw:22"])).toBe(1);
    expect(await gate(behind("b:22"), new Error("connected"))).toMatchObject({ message: "connected" });
  });

  test("fails once for all that wait for one connection to it", async () => {
    const shared = dead();
    for (let n = 0; n < 9; n++) await gate(behind(`c${n}:22`), shared);
    expect(await breakersOf("c1:22")).toEqual([]);
  });

  test("is none when it says that it does not get further: then it is the device, and its own breaker is closed", async () => {
    for (let n = 0; n < 5; n++) await gate(behind("d:22"), dead());
    at.time.now += 30_000;
    for (let n = 0; n < 5; n++) await gate(behind("e:22"), dead({ behindHop: true }));
    expect(await breakersOf("e:22")).toEqual(["device/e:22"]);
  });
});
