import { createServer } from "node:net";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startSimulatedFleet, type Fleet } from "../../src/dev/simulator/fleet.js";
import { systemClock } from "../../src/system/clock.js";
import { connect, exec, openShell } from "./plain-client.js";

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "fleet-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function start(dir: string, count: number): Promise<Fleet> {
  const fleet = await startSimulatedFleet({ clock: systemClock, count, dir, seed: 1 });
  onTestFinished(() => fleet.close());
  return fleet;
}

test("a small network of every platform, each reachable with what it says of itself", async () => {
  const fleet = await start(await folder(), 5);
  expect(fleet.devices.map(({ name, platform, labels }) => [name, platform, labels["site"], labels["role"]])).toEqual([
    ["fra-sw1", "arista_eos", "fra", "switch"],
    ["fra-r1", "cisco_ios", "fra", "router"],
    ["fra-rs1", "frr", "fra", "route-server"],
    ["fra-srv1", "linux", "fra", "server"],
    ["ams-sw1", "arista_eos", "ams", "switch"],
  ]);
  for (const device of fleet.devices) {
    const { address: host, port, username, password, enableSecret } = device;
    let key = "";
    const login = {
      ...{ host, port, username, password },
      hostVerifier: (offered: Buffer) => {
        key = `ssh-ed25519 ${offered.toString("base64")}`;
        return true;
      },
    };
    if (enableSecret === undefined) {
      const client = await connect(login);
      expect((await exec(client, "hostname")).stdout).toBe(`${device.name}\n`);
      client.end();
    } else {
      const shell = await openShell(login);
      await shell.until(/>\s?$/);
      await shell.ask("enable", "Password: ");
      expect(await shell.ask(enableSecret, /#\s?$/)).toContain(`${device.name}#`);
      shell.end();
    }
    expect(key).toBe(device.hostKeyLine);
  }
});

/** Somebody else may come upon a port while its fleet is away, and then it is rightly replaced: that is no failure yet. */
const unlessTaken = { retry: 2 };

test(
  "a restarted fleet keeps its key, credentials and ports, in files that only their owner reads",
  unlessTaken,
  async () => {
    const dir = await folder();
    const first = await start(dir, 4);
    await first.close();
    const second = await start(dir, 6);
    expect(second.devices.slice(0, 4)).toEqual(first.devices);
    for (const name of ["host_key", "fleet.json"]) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
  },
);

test("a port that somebody else took in the meantime is replaced, the others stay", unlessTaken, async () => {
  const dir = await folder();
  const first = await start(dir, 3);
  await first.close();
  const taken = first.devices[1]!.port;
  const thief = createServer();
  await new Promise<void>((resolve) => thief.listen(taken, "127.0.0.1", resolve));
  onTestFinished(() => void thief.close());
  const second = await start(dir, 3);
  expect(second.devices[1]!.port).not.toBe(taken);
  expect([0, 2].map((at) => second.devices[at]!.port)).toEqual([0, 2].map((at) => first.devices[at]!.port));
  const { port, username, password } = second.devices[1]!;
  await (await openShell({ port, username, password })).until("fra-r1>");
});

test("names stay unique in a fleet of a thousand", async () => {
  const fleet = await start(await folder(), 1000);
  expect(new Set(fleet.devices.map(({ name }) => name)).size).toBe(1000);
  expect(new Set(fleet.devices.map(({ port }) => port)).size).toBe(1000);
});
