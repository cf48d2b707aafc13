import type { ConfigureInput } from "@pointsman/sdk";
import {
  CommandStatus,
  type ConfigureResult,
  Effect,
  type Job,
  JobState,
  LinePresence,
  LinesStanding,
} from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Frr, hasFrr, hasTelnet, startFrr, terminalLogin } from "../support/frr.js";
import { hasOpenSsh, type OpenSshServer, startOpenSsh } from "../support/openssh.js";
import { startSystem, type System } from "../support/system.js";

const canRun = hasOpenSsh() && hasFrr() && hasTelnet();

describe.skipIf(!canRun)("configuring FRRouting itself (needs openssh-server, frr, inetutils-telnet, and root)", () => {
  let at: System;
  let mortal: Frr;
  const daemons: Frr[] = [];
  const servers: OpenSshServer[] = [];

  async function add(name: string, platform: string, frr: Frr): Promise<void> {
    daemons.push(frr);
    const server = await startOpenSsh([`ForceCommand ${frr.forceCommand}`]);
    servers.push(server);
    const { username, privateKey, port } = server;
    await at.client.credentials.create(name, { username, privateKey, ...terminalLogin });
    const hostKeys = [server.hostKey];
    await at.client.devices.create({ name, address: "127.0.0.1", port, platform, credential: name, hostKeys });
  }
  beforeAll(async () => {
    at = await startSystem({ devices: [] });
    await add("vtysh", "frr", await startFrr("r1"));
    const sealed = await startFrr("r2");
    sealed.forbidSaving();
    await add("sealed", "frr", sealed);
    mortal = await startFrr("r3");
    await add("mortal", "frr", mortal);
    await add("tcli", "frr_tcli", await startFrr("edge1", [], { transactional: true }));
    await add("fresh", "frr_tcli", await startFrr("edge2", [], { transactional: true }));
  });
  afterAll(async () => {
    await at?.close();
    await Promise.all(servers.map((server) => server.stop()));
    await Promise.all(daemons.map((frr) => frr.stop()));
  });

  const configure = (device: string, input: ConfigureInput): Promise<Job> =>
    at.client.jobs.run({ device, configure: input });
  const resultOf = (job: Job): ConfigureResult => {
    if (job.result?.result.case !== "configure") throw new Error(`no result: ${job.error?.message ?? ""}`);
    return job.result.result.value;
  };
  const show = async (device: string, command: string): Promise<string> => {
    const job = await at.client.jobs.run({ device, commands: [command], privilege: "enable" });
    return job.result?.result.case === "commands" ? (job.result.result.value.commands[0]?.output ?? "") : "";
  };

  describe("vtysh, where lines take effect at once", () => {
    test("lines are applied and saved, and what the device shows afterwards is the difference that is told", async () => {
      const lines = [
        "ip prefix-list lab seq 5 permit 10.0.0.0/8",
        "route-map lab permit 10",
        " match ip address prefix-list lab",
      ];
      const plan = resultOf(await configure("vtysh", { lines, mode: "plan" }));
      expect(plan).toMatchObject({ diffPredicted: true });
      const job = await configure("vtysh", { lines, save: true, keepBeforeAfter: true, planHash: plan.planHash });
      expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      expect(resultOf(job)).toMatchObject({ saved: true, diffPredicted: false });
      expect(resultOf(job).after?.text).toBe(await show("vtysh", "show running-config"));
      expect(resultOf(job).diff?.text).toBe(plan.diff?.text);
      expect(resultOf(job).diff?.text).toBe(
        "+ip prefix-list lab seq 5 permit 10.0.0.0/8\n+route-map lab permit 10\n+ match ip address prefix-list lab\n",
      );
      const drifted = await configure("vtysh", { lines: [...lines, "no route-map lab"], planHash: plan.planHash });
      expect(drifted.error?.reason).toBe("PLAN_CHANGED");
    });

    test("a line that no daemon takes, or refuses in words of its own, is rejected", async () => {
      // vtysh itself ends with 1 for both, and calls neither of them an error.
      for (const [line, words] of [
        ["router bgp 65000", "bgpd is not running"],
        ["log file /nowhere/at-all", "can't open logfile /nowhere/at-all"],
      ] as const) {
        const job = await configure("vtysh", { lines: [line, "ip prefix-list never permit 10.0.0.0/8"], save: true });
        expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "DEVICE_REJECTED" } });
        expect(job.error?.deviceMessage).toBe(words);
        expect(resultOf(job).lines.map(({ status }) => status)).toEqual([
          CommandStatus.REJECTED,
          CommandStatus.SKIPPED,
        ]);
        expect(resultOf(job).saved).toBe(false);
      }
      const job = await at.client.jobs.run({ device: "vtysh", commands: ["show ip bgp"] });
      expect(job.error).toMatchObject({ reason: "DEVICE_REJECTED", deviceMessage: "bgpd is not running" });
      expect(await show("vtysh", "show running-config")).not.toContain("never");
    });

    test("nothing is typed that no daemon would take, though the device calls that no error", async () => {
      await show("mortal", "show version");
      await mortal.kill("zebra");
      const lines = ["interface lo", " description nobody takes this"];
      // What a session shows that has lost a daemon is not all that was configured.
      const plan = await configure("mortal", { lines, mode: "plan" });
      expect(plan).toMatchObject({ state: JobState.FAILED, error: { reason: "UNSUPPORTED_BY_PLATFORM" } });
      expect(plan.error?.deviceMessage).toMatch(/^Warning: connecting to \S+failed!$/);
      const job = await configure("mortal", { lines });
      expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
      expect(job.error?.message).toBe("nobody is there to take lines of configuration");
      expect(job.error?.deviceMessage?.trim()).toBe("staticd");
    });

    test("what could not be written down is not saved, though the device calls it no error", async () => {
      const lines = ["ip prefix-list lab seq 5 permit 10.0.0.0/8"];
      const job = await configure("sealed", { lines, save: true });
      expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, lastConfirmedStep: 2 });
      expect(job.error).toMatchObject({ reason: "DEVICE_REJECTED" });
      expect(job.error?.deviceMessage).toContain("Can't open configuration file");
      expect(resultOf(job)).toMatchObject({ committed: true, saved: false });
    });

    test("a line with the key that asks for help is refused unsent; tabs are blanks to the device", async () => {
      const asking = configure("vtysh", { lines: ["route-map tabs permit 10", " description up?"] });
      await expect(asking).rejects.toMatchObject({
        ...{ reason: "INVALID_REQUEST", message: expect.stringContaining("job.configure.lines.lines[1]") as string },
      });
      const reading = at.client.jobs.run({ device: "vtysh", commands: ["show ip route ?"] });
      await expect(reading).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
      const job = await configure("vtysh", { lines: ["route-map tabs permit 10", "\tdescription\tup and\trunning"] });
      expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      const running = await show("vtysh", "show running-config");
      expect(running).toContain("route-map tabs permit 10\n description up and running\n");
    });

    test("it stops at what the device rejects, and leaves the configuration", async () => {
      const lines = [
        "ip prefix-list half seq 5 permit 10.0.0.0/8",
        "ip prefix-lost half",
        "ip prefix-list never permit any",
      ];
      const job = await configure("vtysh", { lines });
      expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, lastConfirmedStep: 2 });
      expect(job.error?.deviceMessage).toBe("% Unknown command: ip prefix-lost half");
      expect(resultOf(job).lines[2]?.status).toBe(CommandStatus.SKIPPED);
      const config = await show("vtysh", "show running-config");
      expect(config).toContain("ip prefix-list half");
      expect(config).not.toContain("never");
    });

    test("another router than the one that is expected is left alone", async () => {
      const before = await show("vtysh", "show running-config");
      const lines = ["ip prefix-list stranger seq 5 permit 10.0.0.0/8"];
      const expecting = (hostName: string): Promise<Job> =>
        at.client.jobs.run({ device: "vtysh", configure: { lines }, expect: { hostName } });
      expect(await expecting("r2")).toMatchObject({
        ...{ state: JobState.FAILED, effect: Effect.NONE },
        error: { reason: "DEVICE_IDENTITY_MISMATCH", metadata: { told: "r1", expected: "r2" } },
      });
      expect(await show("vtysh", "show running-config")).toBe(before);
      expect((await expecting("r1")).state).toBe(JobState.SUCCEEDED);
    });

    test("of each line it is told whether it stands there, as the device shows it", async () => {
      const there = ["ip prefix-list seen seq 5 permit 10.0.0.0/8", "route-map seen permit 10"];
      const inner = " match ip address prefix-list seen";
      const change = await configure("vtysh", { lines: [...there, inner] });
      expect(change.state).toBe(JobState.SUCCEEDED);
      const all = resultOf(await configure("vtysh", { linesOf: change.id, mode: "reconcile" }));
      expect(all.standing).toBe(LinesStanding.ALL);
      const { PRESENT, ABSENT } = LinePresence;
      const lines = [...there, inner, "ip prefix-list seen seq 10 permit 172.16.0.0/12", "route-map unseen permit 10"];
      const some = resultOf(await configure("vtysh", { lines, mode: "reconcile" }));
      expect(some.lines.map(({ presence }) => presence)).toEqual([PRESENT, PRESENT, PRESENT, ABSENT, ABSENT]);
      expect(some.standing).toBe(LinesStanding.SOME);
      const none = resultOf(await configure("vtysh", { lines: ["route-map unseen permit 10"], mode: "reconcile" }));
      expect(none.standing).toBe(LinesStanding.NONE);
    });

    test("it goes back to what ran before a change, by the hash of a plan", async () => {
      await configure("vtysh", { lines: ["route-map back permit 10", " description old", " set metric 5"] });
      const before = await show("vtysh", "show running-config");
      const lines = [
        ...["route-map back permit 10", " description new", " no set metric 5", " set metric 7"],
        ...["route-map back permit 20", "ip prefix-list back seq 5 permit 10.0.0.0/8"],
      ];
      const change = await configure("vtysh", { lines, keepBeforeAfter: true });
      expect(change.state).toBe(JobState.SUCCEEDED);
      expect(await show("vtysh", "show running-config")).not.toBe(before);
      const plan = await configure("vtysh", { beforeJob: change.id, mode: "plan" });
      const back = await configure("vtysh", { beforeJob: change.id, planHash: resultOf(plan).planHash });
      expect(back.error?.message ?? "").toBe("");
      expect(back).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      expect(await show("vtysh", "show running-config")).toBe(before);
    });

    test("it goes back to an interface without lines, which cannot be taken away", async () => {
      const before = await show("vtysh", "show running-config");
      const lines = ["interface lo", " description new", "route-map gone permit 10", " description new"];
      const change = await configure("vtysh", { lines, keepBeforeAfter: true });
      expect(change.state).toBe(JobState.SUCCEEDED);
      const plan = await configure("vtysh", { beforeJob: change.id, mode: "plan" });
      const back = await configure("vtysh", { beforeJob: change.id, planHash: resultOf(plan).planHash });
      expect(back.error?.message ?? "").toBe("");
      expect(back).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      expect(await show("vtysh", "show running-config")).toBe(before);
    });

    test("it cannot take a change back by itself", async () => {
      const job = await configure("vtysh", { lines: ["ip forwarding"], mode: "apply-confirmed" });
      expect(job.error?.reason).toBe("UNSUPPORTED_BY_PLATFORM");
    });
  });

  describe("a daemon with a candidate", () => {
    const running = (device: string): Promise<string> => show(device, "show configuration running");
    const route = (n: number): string => `ip route 10.${n}.0.0/24 Null0`;

    test("a plan is its own difference, checked by it, and changes nothing", async () => {
      const before = await running("tcli");
      const job = await configure("tcli", { lines: [route(1)], mode: "plan" });
      expect(job.state).toBe(JobState.SUCCEEDED);
      expect(resultOf(job)).toMatchObject({ diffPredicted: false, committed: false });
      expect(resultOf(job).diff?.text).toContain(`+${route(1)}\n`);
      expect(await running("tcli")).toBe(before);
    });

    test("lines are committed together; after a rejected one nothing is", async () => {
      const good = await configure("tcli", { lines: [route(1), route(2)] });
      expect(good).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, lastConfirmedStep: 3 });
      const before = await running("tcli");
      expect(before).toContain(`${route(1)}\n${route(2)}\n`);
      const bad = await configure("tcli", { lines: [route(3), "ip rout 10", route(4)] });
      expect(bad).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
      expect(bad.error?.deviceMessage).toContain("Unknown command: ip rout 10");
      expect(await running("tcli")).toBe(before);
    });

    test("a confirmed commit stands when the checks hold in another session", async () => {
      const postChecks = [{ command: "show configuration running", include: [route(5)] }];
      const job = await configure("tcli", { lines: [route(5)], mode: "apply-confirmed", postChecks });
      expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      expect(resultOf(job)).toMatchObject({ committed: true, confirmed: true });
      expect(resultOf(job).checks[0]?.output?.text).toContain(route(5));
      expect(await running("tcli")).toContain(route(5));
    });

    test("when they do not, the daemon takes it back, and that is seen", async () => {
      const before = await running("tcli");
      const postChecks = [{ command: "show configuration running", exclude: [route(6)] }];
      const job = await configure("tcli", { lines: [route(6)], mode: "apply-confirmed", postChecks });
      expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
      expect(resultOf(job)).toMatchObject({ rolledBack: true, confirmed: false });
      expect(resultOf(job).checks[0]?.found).toEqual([route(6)]);
      expect(await running("tcli")).toBe(before);
    });

    test("a confirm timeout that the platform cannot have is refused before anything is sent", async () => {
      const job = await configure("tcli", { lines: [route(7)], mode: "apply-confirmed", confirmTimeoutMs: 5_000 });
      expect(job.error).toMatchObject({ reason: "UNSUPPORTED_BY_PLATFORM" });
      expect(job.error?.message).toContain("60 to 3600 s");
    });

    test("of each line it is told whether it stands there", async () => {
      const change = await configure("tcli", { lines: [route(11), route(12)] });
      expect(resultOf(await configure("tcli", { linesOf: change.id, mode: "reconcile" })).standing).toBe(
        LinesStanding.ALL,
      );
      const some = resultOf(await configure("tcli", { lines: [route(11), route(99)], mode: "reconcile" }));
      expect(some.lines.map(({ presence }) => presence)).toEqual([LinePresence.PRESENT, LinePresence.ABSENT]);
    });

    test("it goes back to what ran before a change, by the hash of a plan", async () => {
      const before = await running("tcli");
      const change = await configure("tcli", { lines: [route(13), `no ${route(11)}`], keepBeforeAfter: true });
      expect(change.state).toBe(JobState.SUCCEEDED);
      const plan = await configure("tcli", { beforeJob: change.id, mode: "plan" });
      expect(resultOf(plan).diff?.text).toContain(`-${route(13)}`);
      const back = await configure("tcli", { beforeJob: change.id, planHash: resultOf(plan).planHash });
      expect(back.error?.message ?? "").toBe("");
      expect(back).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      expect(await running("tcli")).toBe(before);
    });

    test("a whole configuration takes the place of what runs: what it does not have is gone", async () => {
      const before = await running("tcli");
      expect(before).toContain(route(12));
      const keep = before.split("\n").filter((line) => line.startsWith("ip route") && line !== route(12));
      const lines = [...keep, route(14)];
      const plan = resultOf(await configure("tcli", { lines, kind: "replace", mode: "plan" }));
      expect(plan.diff?.text).toContain(`-${route(12)}`);
      expect(plan.diff?.text).toContain(`+${route(14)}`);
      expect(await running("tcli")).toBe(before);
      const job = await configure("tcli", { lines, kind: "replace" });
      expect(job.error?.message ?? "").toBe("");
      expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      const after = await running("tcli");
      expect(after).not.toContain(`${route(12)}\n`);
      expect(
        after
          .split("\n")
          .filter((line) => line.startsWith("ip route"))
          .sort(),
      ).toEqual(lines.sort());
    });

    test("a plan of lines that are added is no leave to have them take the place of everything", async () => {
      const lines = [route(15)];
      const plan = resultOf(await configure("tcli", { lines, mode: "plan" }));
      const before = await running("tcli");
      const job = await configure("tcli", { lines, kind: "replace", planHash: plan.planHash });
      expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE, error: { reason: "PLAN_CHANGED" } });
      expect(await running("tcli")).toBe(before);
    });

    test("a rollback that the daemon itself fails to make is no rollback: the outcome is unknown and the device held", async () => {
      // FRR 8.4 cannot take back the very first static route, since that also made the VRF it is in.
      const postChecks = [{ command: "show configuration running", include: ["not there"] }];
      const job = await configure("fresh", { lines: [route(1)], mode: "apply-confirmed", postChecks });
      expect(resultOf(job).rolledBack).toBe(!(await running("fresh")).includes(route(1)));
      if (resultOf(job).rolledBack) return;
      expect(job).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: 3, lastConfirmedStep: 2 });
      expect(job.error?.message).toContain("Failed to rollback to previous configuration.");
      expect((await at.client.devices.get("fresh")).status?.hold?.job).toBe(job.id);
    });
  });
});
