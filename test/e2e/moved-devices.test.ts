import { JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { device, login, startSystem, type System } from "../support/system.js";

const hour = 3_600_000;
const commands = [{ command: /slow/, output: "done\n", delayMs: hour }];
let at: System;
/** A worker for each of two zones. */
let here: string;
let there: string;
beforeAll(async () => {
  const hang = { hang: { matching: /slow/, times: 1 } };
  at = await startSystem({
    devices: [
      device("r1", { commands }),
      device("busy", { commands, faults: hang }),
      device("doubt", { commands, faults: hang }),
      device("r2"),
      device("r3"),
    ],
    workers: 0,
  });
  await at.startWorker({ POINTSMAN_ZONES: "default" });
  await at.startWorker({ POINTSMAN_ZONES: "lab" });
  const workers = await at.client.workers.list();
  const serving = (zone: string): string => workers.find((worker) => worker.zones.includes(zone))!.name;
  [here, there] = [serving("default"), serving("lab")];
});
afterAll(() => at.close());

const live = { reason: "DEVICE_HAS_LIVE_JOBS" };
const move = (name: string, zone: string) => {
  const hostKeys = [at.simulator.device(name).hostKeyLine];
  return at.client.devices.update(name, { zone, hostKeys });
};

test("a device that moves is worked on by the other zone's workers, whatever session is left in the first", async () => {
  const show = () => at.client.jobs.run({ device: "r1", commands: ["show version"] });
  expect(await show()).toMatchObject({ state: JobState.SUCCEEDED, zone: "default", worker: here });
  expect(await move("r1", "lab")).toMatchObject({ zone: "lab" });
  expect(await show()).toMatchObject({ state: JobState.SUCCEEDED, zone: "lab", worker: there });
  await move("r1", "default");
  const back = await show();
  expect(back).toMatchObject({ state: JobState.SUCCEEDED, worker: here, result: { sessionReused: true } });
});

test("it does not move while a job waits for its time, runs, or is in doubt, and then it does", async () => {
  const later = await at.client.jobs.create({
    device: "busy",
    commands: ["show clock"],
    startTime: new Date(Date.now() + hour),
  });
  await expect(move("busy", "lab")).rejects.toMatchObject(live);
  await at.client.jobs.cancel(later.id);
  const running = await at.client.jobs.create({ device: "busy", commands: ["show slow"] });
  await eventually(async () => expect((await at.client.jobs.get(running.id)).state).toBe(JobState.RUNNING));
  await expect(move("busy", "lab")).rejects.toMatchObject(live);
  await at.client.jobs.cancel(running.id, { interruptRunning: true });
  await eventually(async () => expect(await move("busy", "lab")).toMatchObject({ zone: "lab" }));

  const change = await at.client.jobs.create({ device: "doubt", commands: ["slow change"], executionTimeoutMs: 2_000 });
  expect(await at.client.jobs.wait(change)).toMatchObject({ state: JobState.INDETERMINATE });
  await expect(move("doubt", "lab")).rejects.toMatchObject(live);
  await at.client.jobs.resolve(change.id, { kind: "not-applied", reason: "looked" });
  await move("doubt", "lab");
  await expect(at.client.jobs.retry(change.id)).rejects.toMatchObject({ reason: "DEVICE_MOVED" });
});

test("whoever asks while it moves is heard in one zone or the other, and the job ends", async () => {
  const jobs: string[] = [];
  let moving = true;
  const ask = async (): Promise<void> => {
    try {
      jobs.push((await at.client.jobs.run({ device: "r2", commands: ["show clock"] })).id);
    } catch (error) {
      // In the moment of the move itself.
      expect(error).toMatchObject({ reason: "DEVICE_NOT_FOUND", message: "device r2 is being removed or moved" });
    }
  };
  const asking = (async () => {
    while (moving) await ask();
  })();
  try {
    for (const zone of ["lab", "default", "lab", "default"]) await eventually(() => move("r2", zone));
  } finally {
    moving = false;
    await asking;
  }
  expect(jobs.length).toBeGreaterThan(0);
  for (const id of jobs) {
    const { state, zone, worker, error } = await at.client.jobs.get(id);
    if (state === JobState.SUCCEEDED) expect(worker).toBe(zone === "lab" ? there : here);
    else {
      // The device leaves with its host key: a worker may look for either behind it.
      expect(state).toBe(JobState.FAILED);
      expect(["DEVICE_GONE", "HOST_KEY_UNKNOWN"]).toContain(error?.reason);
    }
  }
});

test("a credential that is replaced, taken from the device or removed while a job waits is the one of the job's start", async () => {
  const { client } = at;
  await client.credentials.create("other", { ...login, password: "not-the-one" });
  await client.devices.update("r3", { credential: "other" });
  await expect(client.credentials.delete("other")).rejects.toMatchObject({ reason: "CREDENTIAL_IN_USE" });
  await client.queues.pause("device/r3", { reason: "the login changes" });
  const waiting = await client.jobs.create({ device: "r3", commands: ["show clock"] });
  const named = await client.jobs.create({ device: "r3", commands: ["show clock"], credential: "other" });
  await client.devices.update("r3", { credential: "lab" });
  await client.credentials.delete("other");
  await client.queues.resume("device/r3");
  expect(await client.jobs.wait(waiting)).toMatchObject({ state: JobState.SUCCEEDED });
  expect(await client.jobs.wait(named)).toMatchObject({
    ...{ state: JobState.FAILED, error: { reason: "CREDENTIAL_UNAVAILABLE" } },
  });
});
