import { type Session, JobState, SessionState, StoppedJobFate } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

const commands = [{ command: /slow/, output: "done\n", delayMs: 3_600_000 }];
let at: System;
beforeAll(async () => {
  const hang = { hang: { matching: /slow/, times: 1 } };
  at = await startSystem({
    devices: [
      ...["r1", "r2", "r3"].map((name) => device(name, { commands })),
      ...["busy1", "busy2"].map((name) => device(name, { commands, faults: hang })),
      device("mute", { faults: { silent: true } }),
    ],
  });
});
afterAll(() => at.close());

async function sessionsOf(name: string): Promise<readonly Session[]> {
  return (await at.client.workers.sessions({ devices: [name] })).items;
}

/** The session of a device, once its worker has told of it in this state; another than `before`. */
async function sessionOf(name: string, state: SessionState, before?: Session): Promise<Session> {
  return eventually(async () => {
    const [session] = await sessionsOf(name);
    expect(session).toMatchObject({ state });
    expect(session!.name).not.toBe(before?.name);
    return session!;
  });
}

/** The session that a job runs in, once its worker has told of both: of its jobs it tells with each beat. */
async function sessionOfJob(name: string, job: string): Promise<Session> {
  return eventually(async () => {
    const session = await sessionOf(name, SessionState.BUSY);
    expect(session).toMatchObject({ job });
    return session;
  });
}

const ran = (name: string, word: RegExp): boolean =>
  at.simulator.journal().some((entry) => entry.device === name && word.test(entry.line));

test("a session is shown with its login, its use and its worker, and closed politely", async () => {
  const job = await at.client.jobs.run({ device: "r1", commands: ["show version"] });
  const [worker] = await at.client.workers.list();
  const session = await sessionOf("r1", SessionState.IDLE);
  expect(session).toMatchObject({
    ...{ worker: worker!.name, node: worker!.node, zone: "default", device: "r1", platform: "cisco_ios" },
    ...{ username: "admin", credential: "lab", useCount: 1, bastions: [], job: "" },
  });
  expect(session.name.startsWith(`${worker!.name}/`)).toBe(true);
  expect(session.cryptoProfile).not.toBe(0);
  expect(job.worker).toBe(worker!.name);

  const answer = await at.client.workers.closeSessions({ devices: ["r1"] }, { waitMs: 60_000 });
  expect(answer).toMatchObject({ sessions: [{ name: session.name }], pending: [], jobs: [], remaining: 0 });
  await eventually(() => expect(ran("r1", /^exit/)).toBe(true));
  expect(await sessionsOf("r1")).toEqual([]);
  await eventually(async () => {
    expect((await at.client.devices.get("r1")).status?.owner).toBe("");
  });

  // What comes later has a session of its own.
  await at.client.jobs.run({ device: "r1", commands: ["show clock"] });
  await sessionOf("r1", SessionState.IDLE, session);
});

test("where a job runs nothing is closed unless it may be interrupted, and then the answer says what became of it", async () => {
  const read = await at.client.jobs.create({ device: "busy1", commands: ["show slow"] });
  const change = await at.client.jobs.create({ device: "busy2", commands: ["slow reload"] });
  await at.client.jobs.run({ device: "r2", commands: ["show clock"] });
  const before = await sessionOfJob("busy1", read.id);
  await sessionOfJob("busy2", change.id);
  const idle = await sessionOf("r2", SessionState.IDLE);

  const devices = ["busy1", "busy2", "r2"];
  const refusal = await at.client.workers.closeSessions({ devices }).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ reason: "SESSIONS_IN_USE", code: "failed_precondition" });
  expect((refusal as { metadata: Record<string, string> }).metadata["jobs"]!.split(",").sort()).toEqual(
    [read.id, change.id].sort(),
  );
  expect((await sessionOf("r2", SessionState.IDLE)).name).toBe(idle.name);
  const dry = { interruptRunning: true, validateOnly: true };
  expect((await at.client.workers.closeSessions({ devices }, dry)).sessions).toHaveLength(3);
  expect((await at.client.jobs.get(read.id)).state).toBe(JobState.RUNNING);

  const answer = await at.client.workers.closeSessions({ devices }, { interruptRunning: true, waitMs: 60_000 });
  expect(answer.pending).toEqual([]);
  expect(answer.sessions.map(({ device }) => device).sort()).toEqual(devices.sort());
  const fates = new Map(answer.jobs.map((job) => [job.id, job]));
  expect(fates.get(read.id)).toMatchObject({ fate: StoppedJobFate.HANDED_BACK, device: "busy1" });
  expect(fates.get(change.id)).toMatchObject({ fate: StoppedJobFate.INDETERMINATE, holdsDevice: true });
  expect([...answer.interruptedJobs].sort()).toEqual([read.id, change.id].sort());
  expect((await at.client.jobs.get(change.id)).error?.reason).toBe("SESSION_CLOSED");
  // The worker itself goes on, with a session of its own for the read that was cut.
  await sessionOf("busy1", SessionState.BUSY, before);
  expect(at.workers[0]!.child.exitCode).toBeNull();
  await at.client.jobs.cancel(read.id, { interruptRunning: true });
  await at.client.jobs.resolve(change.id, { kind: "not-applied", reason: "looked" });
});

test("a job that still connects is cut as well, where its device is named", async () => {
  const job = await at.client.jobs.create({ device: "mute", commands: ["show clock"] });
  await eventually(async () => expect((await at.client.jobs.get(job.id)).state).toBe(JobState.RUNNING));
  const refusal = await at.client.workers.closeSessions({ devices: ["mute"] }).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ reason: "SESSIONS_IN_USE", metadata: { jobs: job.id } });
  const { length } = (await at.client.jobs.get(job.id)).attempts;
  const answer = await at.client.workers.closeSessions({ hosts: ["mute"] }, { interruptRunning: true });
  expect(answer).toMatchObject({ sessions: [], pending: [], interruptedJobs: [job.id] });
  expect(answer.jobs).toMatchObject([{ id: job.id, device: "mute", fate: StoppedJobFate.HANDED_BACK }]);
  // It is not cut again when it goes on, although the worker is told of an order until it says that it has followed it.
  await eventually(async () => {
    const later = await at.client.jobs.get(job.id);
    expect(later.state).toBe(JobState.RUNNING);
    expect(later.attempts.length).toBeGreaterThan(length);
  });
  await at.client.jobs.cancel(job.id, { interruptRunning: true });
});

test("the commands of an operator do the same, by worker, credential and state, page by page", async () => {
  const cli = (...words: string[]) => runCli(words, { url: at.url });
  for (const name of ["r1", "r2", "r3"]) await at.client.jobs.run({ device: name, commands: ["show clock"] });
  for (const name of ["r1", "r2", "r3"]) await sessionOf(name, SessionState.IDLE);
  const names: string[] = [];
  for await (const page of at.client.workers.sessions({ devices: ["r1", "r2", "r3"] }, { pageSize: 2 }).pages()) {
    expect(page.items.length).toBeLessThanOrEqual(2);
    names.push(...page.items.map(({ device }) => device));
  }
  expect(names.sort()).toEqual(["r1", "r2", "r3"]);
  const [session] = await sessionsOf("r3");
  const shown = await cli("sessions", "--host", "r3", "--state", "idle");
  expect(shown.stdout).toMatch(/SESSION +DEVICE +ACCOUNT/);
  expect(shown.stdout).toMatch(new RegExp(`${session!.name} +r3 +admin \\(lab\\) +idle`));
  expect((await cli("sessions", "close")).status).toBe(2);
  const misnamed = await cli("sessions", "close", "r3");
  expect(misnamed.status).toBe(2);
  expect(misnamed.stderr).toContain("use --device r3");
  expect((await cli("sessions", "close", "--device", "nope")).stderr).toContain("DEVICE_NOT_FOUND");
  expect((await cli("sessions", "--worker", "nope")).stderr).toContain("WORKER_NOT_FOUND");
  expect((await cli("sessions", "close", session!.name)).stdout).toBe(`${session!.name} to r3 closed\n`);
  const rest = await cli("sessions", "close", "--credential", "lab", "--state", "idle", "--worker", session!.worker);
  expect(rest.stdout.match(/closed$/gm)!.length).toBeGreaterThanOrEqual(2);
  expect((await cli("sessions", "--state", "idle")).stderr).toContain("no session");
});
