import { JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemRandom } from "../../src/system/random.js";
import { hasOpenSsh, type OpenSshServer, startOpenSsh } from "../support/openssh.js";
import { device, startSystem, type System } from "../support/system.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

describe.skipIf(!hasOpenSsh())("devices behind a bastion, a real OpenSSH server (needs openssh-server)", () => {
  let at: System;
  let bastion: OpenSshServer;
  let way: TcpProxy;

  beforeAll(async () => {
    bastion = await startOpenSsh();
    way = await startTcpProxy({ host: "127.0.0.1", port: bastion.port }, systemRandom);
    at = await startSystem({ devices: [device("r1"), device("r2"), device("r3")] });
  });
  afterAll(async () => {
    await at.close();
    await way.close();
    await bastion.stop();
  });

  test("a worker connects to the bastion once for all of them", async () => {
    const { username, privateKey, hostKey } = bastion;
    await at.client.credentials.create("jump", { username, privateKey });
    const bastions = [{ address: "127.0.0.1", port: way.port, credential: "jump", hostKeys: [hostKey] }];
    for (const name of ["r1", "r2", "r3"]) {
      const { host: address, port, hostKeyLine } = at.simulator.device(name);
      await at.client.devices.update(name, { address, port, bastions, hostKeys: [hostKeyLine] });
      const job = await at.client.jobs.run({ device: name, commands: ["show version"] });
      expect(job.state, `${name}: ${job.error?.message ?? ""}`).toBe(JobState.SUCCEEDED);
    }
    expect(way.connections).toBe(1);
  });
});
