import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { device, startOurs, startSystem, type System } from "../support/system.js";

let at: System;
let folder: string;

/** An IOS that somebody has seen for himself, and one of another name. */
const definitions = {
  "ios.yaml": `name: cisco_ios
extends: cisco_ios
description: IOS as we know it
configure:
  evidence: real_cli
  base: enable
  mode: config
  enter: { send: configure terminal }
  leave: { send: end }
  running: { send: show running-config }
`,
  "lab.yaml": "name: lab_ios\nextends: cisco_ios\nread_only: { commands: [show] }\ntests: {}\n",
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pointsman-own-"));
  await mkdir(join(folder, "server"));
  for (const [name, text] of Object.entries(definitions)) await writeFile(join(folder, "server", name), text);
  at = await startSystem({
    devices: [device("r1")],
    workers: 0,
    env: { POINTSMAN_PLATFORMS_DIR: join(folder, "server") },
  });
});
afterAll(async () => {
  await at?.close();
  await rm(folder, { recursive: true, force: true });
});

test("platforms of one's own are listed with where they come from and what they rest on, and drive devices", async () => {
  const platforms = new Map((await at.client.devices.platforms()).map((one) => [one.name, one]));
  expect(platforms.get("cisco_ios")).toMatchObject({
    ...{ description: "IOS as we know it", origin: "ios.yaml", overridesBuiltIn: true, evidence: "recorded" },
    configuration: { evidence: "real_cli", confirmEvidence: "", saveEvidence: "" },
  });
  expect(platforms.get("cisco_ios")?.loadTime).toBeDefined();
  expect(platforms.get("lab_ios")).toMatchObject({ origin: "lab.yaml", overridesBuiltIn: false });
  expect(platforms.get("linux")).toMatchObject({ origin: "built_in", evidence: "real_cli" });
  expect(platforms.get("linux")?.loadTime).toBeUndefined();
  expect(platforms.get("vyos")?.configuration).toMatchObject({ confirmReboots: true, evidence: "documents" });
});

test("a worker that knows less than the server asks for the consent that the server did not", async () => {
  const worker = await at.startWorker({ POINTSMAN_PLATFORMS_DIR: "" });
  const refused = await at.client.jobs.run({ device: "r1", configure: { lines: ["ip routing"] } });
  expect(refused).toMatchObject({ state: JobState.FAILED, error: { reason: "CONSENT_REQUIRED" } });
  expect(at.simulator.device("r1").commands()).toEqual([]);
  await worker.stop();
  await at.startWorker();
  const done = await at.client.jobs.run({ device: "r1", configure: { lines: ["ip routing"] } });
  expect(done.state).toBe(JobState.SUCCEEDED);
});

test("a definition that does not hold keeps a process from starting, and is named", async () => {
  await writeFile(join(folder, "bad.yaml"), "name: bad\ndescription: x\nchannel: shell\nprompts: { a: '(x+)+$' }\n");
  const worker = startOurs(["worker"], { ...at.env, POINTSMAN_PLATFORMS_DIR: folder });
  // Ended and read to the end: what it said may come after its exit.
  await new Promise((resolve) => worker.child.once("close", resolve));
  expect(worker.child.exitCode).toBe(1);
  expect(worker.log.join("\n")).toContain("bad.yaml: prompts.a");
});
