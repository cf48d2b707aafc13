import { CommandStatus, Effect, JobState, WorkerState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHostKey } from "../../src/dev/simulator/host-key.js";
import { createDoor } from "../support/door.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { device, login, startSystem, type System } from "../support/system.js";

let at: System;

beforeAll(async () => {
  at = await startSystem({
    workers: 2,
    // Few enough that neither worker can take all the work at once.
    env: { POINTSMAN_CAPACITY: "3" },
    devices: [
      device("r1"),
      device("r2"),
      device("sw1", { platform: "arista_eos" }),
      device("srv1", { platform: "linux" }),
      device("silent", { faults: { silent: true } }),
      device("mute", { faults: { hang: { matching: "show clock" } } }),
      device("asks", { faults: { question: { matching: "show clock", text: "Really? [yes/no]: " } } }),
      ...Array.from({ length: 5 }, (_, i) => device(`x${i}`)),
    ],
  });
});
afterAll(() => at.close());

const commandsOf = (job: Awaited<ReturnType<System["client"]["jobs"]["get"]>>) =>
  job.result?.result.case === "commands" ? job.result.result.value.commands : [];

describe("the main job", () => {
  test("commands run in order; the result holds what each printed, and the next job reuses the session", async () => {
    const first = await at.client.jobs.run({ device: "r1", commands: ["show clock", "show version"] });
    expect(first.state).toBe(JobState.SUCCEEDED);
    expect(first.effect).toBe(Effect.NONE);
    const [clock, version] = commandsOf(first);
    expect(clock).toMatchObject({ command: "show clock", status: CommandStatus.OK, sessionReused: false });
    expect(clock?.output).toMatch(/^\*?\d\d:\d\d:\d\d\.\d+ UTC .*\n$/);
    expect(version?.output).toContain("Cisco IOS Software");
    expect(version?.output).not.toContain("r1#");
    expect(version?.outputBytes).toBe(Buffer.byteLength(version?.output ?? ""));
    const again = await at.client.jobs.run({ device: "r1", commands: ["show clock"] });
    expect(commandsOf(again)[0]?.sessionReused).toBe(true);
    expect(again.attempts).toHaveLength(1);
    const connects = at.simulator.journal().filter((entry) => entry.device === "r1" && entry.kind === "connect");
    expect(connects).toHaveLength(1);
  });

  test("a rejected command is DEVICE_REJECTED in the device's words, earlier output kept, later commands skipped", async () => {
    const job = await at.client.jobs.run({ device: "r1", commands: ["show clock", "show wether", "show version"] });
    expect(job.state).toBe(JobState.FAILED);
    expect(job.error).toMatchObject({ reason: "DEVICE_REJECTED" });
    expect(job.error?.deviceMessage).toContain("% Invalid input detected");
    expect(commandsOf(job).map(({ status }) => status)).toEqual([
      CommandStatus.OK,
      CommandStatus.REJECTED,
      CommandStatus.SKIPPED,
    ]);
    expect(commandsOf(job)[0]?.output).toContain("UTC");
    expect(commandsOf(job)[1]?.errorLines.join()).toContain("Invalid input");
  });

  test("on_reject continue runs the rest of read-only work, and the job still ends FAILED", async () => {
    const commands = ["show wether", "show clock"];
    const job = await at.client.jobs.run({ device: "r1", commands, onReject: "continue" });
    expect(job.state).toBe(JobState.FAILED);
    expect(commandsOf(job).map(({ status }) => status)).toEqual([CommandStatus.REJECTED, CommandStatus.OK]);
  });

  test("an exec device gives exit statuses; work that may change it is at most once, with an intent and its effect", async () => {
    const job = await at.client.jobs.run({ device: "srv1", commands: ["uname -s", "false"] });
    expect(job.state).toBe(JobState.FAILED);
    expect(commandsOf(job).map(({ exitStatus }) => exitStatus)).toEqual([0, 1]);
    expect(job.effect).toBe(Effect.PARTIAL);
    expect([job.lastIntendedStep, job.lastConfirmedStep]).toEqual([2, 2]);
  });

  test("privileged mode is entered only when asked for", async () => {
    const job = await at.client.jobs.run({ device: "r2", commands: ["show running-config"], privilege: "enable" });
    expect(job.state).toBe(JobState.SUCCEEDED);
    const entries = at.simulator.journal().filter((entry) => entry.device === "r2" && entry.line === "enable");
    expect(entries).toHaveLength(1);
  });

  test("a probe logs in by itself and reports prompt, host key and times", async () => {
    const job = await at.client.jobs.run({ device: "sw1", probe: true });
    expect(job.state).toBe(JobState.SUCCEEDED);
    expect(job.result?.result.case === "probe" && job.result.result.value).toMatchObject({
      prompt: expect.stringContaining("sw1") as string,
      hostKeyFingerprint: expect.stringMatching(/^SHA256:/) as string,
    });
  });

  test("debug keeps a transcript without secrets", async () => {
    const job = await at.client.jobs.run({ device: "sw1", commands: ["show version"], debug: true });
    expect(job.transcript.split("\n")[0]).toContain('"pointsman":"transcript"');
    const bytes = job.transcript
      .split("\n")
      .flatMap((line) => /"b":"([^"]+)"/.exec(line)?.[1] ?? [])
      .map((base64) => Buffer.from(base64, "base64").toString())
      .join("");
    expect(bytes).toContain("Arista");
    for (const secret of [login.password, login.enableSecret]) expect(bytes).not.toContain(secret);
  });
});

describe("honest failures", () => {
  test("a wrong password is AUTHENTICATION_FAILED, tried once", async () => {
    await at.client.credentials.create("wrong", { username: "admin", password: "nope" });
    const { host: address, port, hostKeyLine } = at.simulator.device("x0");
    const endpoint = { address, port, platform: "cisco_ios", login: "wrong", hostKeys: [hostKeyLine] };
    const job = await at.client.jobs.run({ endpoint, commands: ["show clock"] });
    expect(job.state).toBe(JobState.FAILED);
    expect(job.error?.reason).toBe("AUTHENTICATION_FAILED");
    expect(job.attempts).toHaveLength(1);
  });

  test("a closed port is CONNECTION_REFUSED, a silent host DEVICE_UNREACHABLE, each after its attempts", async () => {
    const retry = { maxAttempts: 2, initialBackoffMs: 10 };
    const closed = { address: "127.0.0.1", port: await freePort(), platform: "cisco_ios", login: "lab" };
    const refused = await at.client.jobs.run({ endpoint: closed, commands: ["show clock"], retry });
    expect(refused.error?.reason).toBe("CONNECTION_REFUSED");
    expect(refused.attempts.map(({ error }) => error?.reason)).toEqual(["CONNECTION_REFUSED", "CONNECTION_REFUSED"]);
    await at.client.devices.update("silent", { connectTimeoutMs: 300 });
    const silent = await at.client.jobs.run({ device: "silent", commands: ["show clock"], retry: { maxAttempts: 1 } });
    expect(silent.error?.reason).toBe("DEVICE_UNREACHABLE");
    const { status } = await at.client.devices.get("silent");
    expect(status?.lastFailure?.reason).toBe("DEVICE_UNREACHABLE");
  });

  test("an unknown host key is HOST_KEY_UNKNOWN with its fingerprint, a changed one HOST_KEY_CHANGED; no login is tried", async () => {
    const { host: address, port } = at.simulator.device("x1");
    const offers = (): number => at.simulator.journal().filter((e) => e.device === "x1" && e.kind === "auth").length;
    const endpoint = { address, port, platform: "cisco_ios", login };
    await at.client.devices.update("x1", { hostKeys: [] });
    const unknown = await at.client.jobs.run({ endpoint, commands: ["show clock"] });
    expect(unknown.error?.reason).toBe("HOST_KEY_UNKNOWN");
    expect(unknown.error?.metadata["fingerprint"]).toMatch(/^SHA256:/);
    const other = createHostKey();
    const changed = await at.client.jobs.run({
      endpoint: { ...endpoint, hostKeys: [other.line] },
      commands: ["show clock"],
    });
    expect(changed.error?.reason).toBe("HOST_KEY_CHANGED");
    expect(offers()).toBe(0);
  });

  test("a silent command is OUTPUT_TIMEOUT, a question nobody answers UNEXPECTED_QUESTION with its text", async () => {
    const mute = await at.client.jobs.run({
      device: "mute",
      commands: [{ command: "show clock", idleTimeoutMs: 3_000 }],
      retry: { maxAttempts: 1 },
    });
    expect(mute.error?.reason).toBe("OUTPUT_TIMEOUT");
    expect(mute.error?.tail).toContain("show clock");
    const asks = await at.client.jobs.run({ device: "asks", commands: ["show clock"], retry: { maxAttempts: 1 } });
    expect(asks.error?.reason).toBe("UNEXPECTED_QUESTION");
    expect(asks.error?.deviceMessage).toContain("Really?");
  });
});

describe("one holder", () => {
  test("two workers never work on one device at once, and each device's jobs run in the order of acceptance", async () => {
    const names = Array.from({ length: 5 }, (_, i) => `x${i}`).filter((name) => name !== "x1");
    const inputs = Array.from({ length: 60 }, (_, i) => ({
      device: names[i % names.length]!,
      commands: [`show clock | include job-${i}-a`, `show clock | include job-${i}-b`],
    }));
    // Nothing is answered before both are at work: one alone would do it all while the other is held up.
    const answers = createDoor();
    for (const name of names) {
      at.simulator.device(name).setFaults({ delay: { matching: /job-/, until: answers.opened } });
    }
    const created = await at.client.jobs.createMany(inputs);
    await eventually(async () => {
      expect((await at.client.workers.list()).map(({ state }) => state)).toEqual([WorkerState.BUSY, WorkerState.BUSY]);
    });
    answers.open();
    const jobs = await Promise.all(created.map((one) => at.client.jobs.wait(one.job?.id ?? "")));
    expect(jobs.map(({ state }) => state)).toEqual(jobs.map(() => JobState.SUCCEEDED));
    expect(new Set(jobs.map(({ worker }) => worker)).size).toBe(2);
    for (const name of names) {
      const lines = at.simulator.journal().flatMap(({ device: on, kind, line }) => {
        const found = /job-(\d+)-([ab])/.exec(line);
        return on === name && kind === "command" && found ? [`${found[1]}${found[2]}`] : [];
      });
      const own = inputs.flatMap((input, i) => (input.device === name ? [`${i}a`, `${i}b`] : []));
      expect(lines).toEqual(own);
    }
  });

  test("a job behind a running one says DEVICE_BUSY and behind whom", async () => {
    at.simulator.device("r2").setFaults({ delay: { matching: "show tech-support", ms: 3_600_000 } });
    const slow = await at.client.jobs.create({ device: "r2", commands: ["show tech-support"] });
    await at.simulator.find((entry) => entry.device === "r2" && entry.line === "show tech-support");
    const behind = await at.client.jobs.create({ device: "r2", commands: ["show clock"] });
    const waiting = await at.client.jobs.get(behind.id);
    expect(waiting).toMatchObject({ state: JobState.QUEUED, blockingJob: slow.id, position: 1 });
    const { outcome } = await at.client.jobs.cancel(slow.id, { interruptRunning: true });
    expect(outcome).toBe(2);
    const cancelled = await at.client.jobs.wait(slow.id);
    expect(cancelled.state).toBe(JobState.CANCELLED);
    expect((await at.client.jobs.wait(behind.id)).state).toBe(JobState.SUCCEEDED);
    expect(at.simulator.journal().some((entry) => entry.device === "r2" && entry.kind === "interrupt")).toBe(true);
  });
});
