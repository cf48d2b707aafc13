import { hostname } from "node:os";
import { Effect, type Job, JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { hasOpenSsh, startOpenSsh } from "../support/openssh.js";
import { systemRandom } from "../../src/system/random.js";
import { device, startSystem, type System } from "../support/system.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

let at: System;
beforeAll(async () => {
  at = await startSystem({
    devices: [
      device("r1", { facts: { serial: "FTX1512AHK2" } }),
      device("r2", { hostname: "somebody-else" }),
      device("moved", { hostname: "meant" }),
      device("sw1", { platform: "arista_eos" }),
      device("f1", { platform: "frr" }),
      device("lin", { platform: "linux" }),
    ],
  });
});
afterAll(() => at.close());

const cli = (...words: string[]) => runCli(words, { url: at.url });
const lines = ["interface Loopback0", " description by pointsman"];
const change = (name: string, more: object = {}): Promise<Job> =>
  at.client.jobs.run({ device: name, configure: { lines, acceptUnproven: true }, ...more });
const typed = (name: string): readonly string[] => at.simulator.device(name).commands();

function refused(told: string) {
  return {
    ...{ state: JobState.FAILED, effect: Effect.NONE, lastConfirmedStep: 0 },
    error: { reason: "DEVICE_IDENTITY_MISMATCH", metadata: { told } },
  };
}

describe("what the inventory expects of a device", () => {
  test("is asked before anything is changed: the right one is worked on", async () => {
    const said = await cli("devices", "update", "r1", "--expect-host-name", "R1", "--expect-serial", "ftx1512ahk2");
    expect(said.stderr).toBe("");
    expect((await cli("devices", "get", "r1")).stdout).toMatch(/expected +R1, ftx1512ahk2/);
    expect(await change("r1")).toMatchObject({ state: JobState.SUCCEEDED });
    expect(typed("r1")).toContain("show version");
    // What is not named stays.
    await cli("devices", "update", "r1", "--expect-serial", "FTX0000");
    expect((await at.client.devices.get("r1")).expect).toMatchObject({ hostName: "R1", serial: "FTX0000" });
    const before = typed("r1").length;
    expect(await change("r1")).toMatchObject(refused("ftx1512ahk2"));
    const commands = ["configure terminal", "hostname x", "end"];
    expect(await at.client.jobs.run({ device: "r1", commands, privilege: "enable" })).toMatchObject(
      refused("ftx1512ahk2"),
    );
    expect(
      typed("r1")
        .slice(before)
        .filter((line) => /^conf|^interface|hostname/.test(line)),
    ).toEqual([]);
    // Reads go on.
    expect(await at.client.jobs.run({ device: "r1", commands: ["show clock"] })).toMatchObject({
      state: JobState.SUCCEEDED,
    });
  });

  test("by its prompt: another one at the address is left alone, also by a plan", async () => {
    await at.client.devices.update("r2", { expect: { hostName: "r2" } });
    expect(await change("r2")).toMatchObject(refused("somebody-else"));
    const plan = await at.client.jobs.run({ device: "r2", configure: { lines, mode: "plan", acceptUnproven: true } });
    expect(plan.error?.reason).toBe("DEVICE_IDENTITY_MISMATCH");
    await at.client.devices.update("r2", { expect: { hostName: "Somebody-Else" } });
    expect(await change("r2")).toMatchObject({ state: JobState.SUCCEEDED });
    await at.client.devices.update("r2", { expect: {} });
    expect((await at.client.devices.get("r2")).expect?.hostName ?? "").toBe("");
  });

  test("is asked anew of whatever stands at the address by then: the session of another one is not kept", async () => {
    const [meant, another] = [at.simulator.device("moved"), at.simulator.device("r2")];
    const way = await startTcpProxy(another, systemRandom);
    try {
      const hostKeys = [meant.hostKeyLine, another.hostKeyLine];
      await at.client.devices.update("moved", { port: way.port, hostKeys, expect: { hostName: "meant" } });
      expect(await change("moved")).toMatchObject(refused("somebody-else"));
      way.redirect(meant);
      expect(await change("moved")).toMatchObject({ state: JobState.SUCCEEDED });
    } finally {
      await way.close();
    }
  });

  test("also of the session that confirms a change, under the name that the change gives", async () => {
    await at.client.devices.update("sw1", { expect: { hostName: "sw1" } });
    const confirmed = { lines: ["hostname sw9"], mode: "apply-confirmed" as const, acceptUnproven: true };
    const job = await at.client.jobs.run({ device: "sw1", configure: confirmed });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED });
    expect(await change("sw1")).toMatchObject(refused("sw9"));
  });
});

describe("what a job expects", () => {
  test("stands in place of the inventory's, and is asked before reads too", async () => {
    const read = (hostName: string) =>
      at.client.jobs.run({ device: "f1", commands: ["show version"], expect: { hostName } });
    expect(await read("f1")).toMatchObject({ state: JobState.SUCCEEDED });
    expect(await read("f2")).toMatchObject({ ...refused("f1"), effect: Effect.NONE });
    const text = await cli("exec", "f1", "--expect-host-name", "f2", "--", "show", "version");
    expect(text.status).toBe(1);
    expect(text.stderr + text.stdout).toContain('the device tells the host name "f1", and "f2" is expected');
  });

  test("of a platform that tells no serial number ends with UNSUPPORTED_BY_PLATFORM, and nothing is sent", async () => {
    const before = typed("f1").length;
    const job = await at.client.jobs.run({ device: "f1", commands: ["show version"], expect: { serial: "x" } });
    expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "UNSUPPORTED_BY_PLATFORM" } });
    expect(typed("f1").slice(before)).not.toContain("show version");
  });

  test("of a Unix host is asked by command", async () => {
    const run = (hostName: string) =>
      at.client.jobs.run({ device: "lin", commands: ["echo hello"], idempotent: true, expect: { hostName } });
    const seen = await run("nobody");
    expect(seen.error?.reason).toBe("DEVICE_IDENTITY_MISMATCH");
    expect(typed("lin")).not.toContain("echo hello");
    expect(await run(String(seen.error?.metadata["told"]))).toMatchObject({ state: JobState.SUCCEEDED });
  });
});

test.skipIf(!hasOpenSsh())("a host behind OpenSSH says its own name (needs openssh-server)", async () => {
  const server = await startOpenSsh([]);
  try {
    const { username, privateKey, port, hostKey } = server;
    await at.client.credentials.create("host", { username, privateKey });
    const place = { address: "127.0.0.1", port, platform: "linux", credential: "host", hostKeys: [hostKey] };
    await at.client.devices.create({ name: "host", ...place, expect: { hostName: "another-host" } });
    const run = () => at.client.jobs.run({ device: "host", commands: ["echo hello"] });
    expect(await run()).toMatchObject(refused(hostname().toLowerCase()));
    await at.client.devices.update("host", { expect: { hostName: hostname() } });
    expect(await run()).toMatchObject({ state: JobState.SUCCEEDED });
  } finally {
    await server.stop();
  }
});
