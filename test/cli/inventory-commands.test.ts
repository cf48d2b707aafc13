import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { create } from "@pointsman/sdk";
import {
  DeviceStatusSchema,
  HealthStatus,
  type JobError,
  JobErrorSchema,
  JobResultSchema,
  JobState,
  WorkerState,
} from "@pointsman/sdk/v1";
import { eventually } from "../support/eventually.js";
import { createScriptedJob, jobId } from "../sdk/scripted-job.js";
import { serviceError } from "../sdk/scripted-server.js";
import { startServices } from "../sdk/services.js";
import { runCli, startCli } from "./run-cli.js";
import { temporaryFile } from "./temporary-file.js";

/** A service whose probes fail with this error, and the host keys that it was told to accept. */
async function startWhereProbesFail(error: JobError) {
  const job = createScriptedJob(jobId(1));
  job.append({ state: JobState.FAILED });
  const accepted: string[] = [];
  const server = await startServices({
    jobs: {
      createJob: () => ({ job: { ...job.job(), error } }),
      watchJob: job.watchJob,
    },
    devices: {
      acceptHostKey({ name, hostKey }) {
        accepted.push(hostKey);
        return { device: { name } };
      },
    },
  });
  return { server, accepted };
}

describe("devices", () => {
  it("are added, changed, shown, listed and removed", async () => {
    const stored = new Map<string, object>();
    const masks: (string[] | undefined)[] = [];
    const server = await startServices({
      devices: {
        createDevice({ device: added }) {
          stored.set(added!.name, added!);
          return { device: added! };
        },
        getDevice: ({ name }) => ({
          device: {
            ...stored.get(name),
            status: create(DeviceStatusSchema, { runningJob: jobId(4), waitingReads: 2, hold: { job: jobId(5) } }),
          },
        }),
        updateDevice({ device: changed, updateMask }) {
          masks.push(updateMask?.paths);
          const { zone, labels } = changed!;
          stored.set(changed!.name, { ...stored.get(changed!.name), zone, labels });
          return { device: changed! };
        },
        listDevices: () => ({ devices: [...stored.values()] }),
        deleteDevice({ name }) {
          if (!stored.delete(name)) throw serviceError(Code.NotFound, "DEVICE_NOT_FOUND", `no device ${name}`);
          return {};
        },
      },
    });
    const hosts = await temporaryFile("known_hosts", "[10.0.0.1]:2222 ssh-ed25519 AAAA\n");
    const fields = ["--address", "10.0.0.1", "--port", "2222", "--platform", "linux", "--credential", "lab"];
    const more = ["--label", "site=ber", "--label", "role=core", "--known-hosts", hosts, "--host-key-policy", "strict"];
    expect((await runCli(["devices", "add", "r1", ...fields, ...more], server)).stdout).toContain("r1 added");
    expect(stored.get("r1")).toMatchObject({ port: 2222, hostKeys: ["ssh-ed25519 AAAA"], hostKeyPolicy: 1 });

    await runCli(["devices", "update", "r1", "--label", "site=muc", "--remove-label", "role", "--zone", "lab"], server);
    expect(stored.get("r1")).toMatchObject({ labels: { site: "muc" }, zone: "lab", address: "10.0.0.1" });
    expect(masks).toEqual([["zone", "labels"]]);

    expect((await runCli(["devices"], server)).stdout).toMatch(/\nr1 +10\.0\.0\.1:2222 +linux +lab +lab +site=muc\n/);
    const shown = (await runCli(["devices", "get", "r1"], server)).stdout;
    expect(shown).toMatch(new RegExp(`running +${jobId(4)}\\nwaiting +2 reads, 0 changes\\nheld +.*${jobId(5)}`));

    expect((await runCli(["devices", "remove", "r1"], server)).stdout).toBe("r1 removed\n");
    expect(await runCli(["devices", "remove", "r1"], server)).toMatchObject({
      status: 1,
      stderr: "error: no device r1 (DEVICE_NOT_FOUND)\n",
    });
  });

  it("are imported from a file; those refused are named and end it with 1", async () => {
    const server = await startServices({
      devices: {
        batchCreateDevices: ({ devices }) => ({
          results: devices.map((one) =>
            one.name === "r2"
              ? {
                  result: {
                    case: "error",
                    value: { code: "already_exists", reason: "ENDPOINT_TAKEN", message: "taken by r1" },
                  },
                }
              : { result: { case: "device", value: one } },
          ),
        }),
      },
    });
    const path = await temporaryFile(
      "devices.yaml",
      "defaults: { platform: linux, credential: lab }\ndevices:\n  - { name: r1, address: a }\n  - { name: r2, address: a }\n",
    );
    expect(await runCli(["devices", "import", path], server)).toEqual({
      status: 1,
      stdout: "1 added, 1 refused\n",
      stderr: "r2: error: taken by r1 (ENDPOINT_TAKEN)\n",
    });
    expect((await runCli(["devices", "import", `${path}.not`], server)).stderr).toMatch(
      /^error: cannot read .*ENOENT\n$/,
    );
  });

  it("have a shown host key accepted by its fingerprint or by a person's yes, never unasked", async () => {
    const metadata = { host_key: "ssh-ed25519 AAAAshown", fingerprint: "SHA256:abc" };
    const error = create(JobErrorSchema, { reason: "HOST_KEY_UNKNOWN", message: "unknown", metadata });
    const { server, accepted } = await startWhereProbesFail(error);
    const command = ["devices", "accept-host-key", "r1"];
    expect((await runCli(command, server)).status).toBe(2);
    expect(await runCli([...command, "--fingerprint", "SHA256:other"], server)).toMatchObject({ status: 1 });
    const no = startCli(command, { ...server, tty: true });
    await eventually(() => expect(no.stderr()).toContain("accept it?"));
    no.type("n\r");
    expect((await no.done).status).toBe(1);
    expect(accepted).toEqual([]);
    const yes = startCli(command, { ...server, tty: true });
    await eventually(() => expect(yes.stderr()).toContain("accept it?"));
    expect(yes.stderr()).toContain("r1 shows ssh-ed25519 SHA256:abc");
    yes.type("yes\r");
    expect((await yes.done).status).toBe(0);
    expect((await runCli([...command, "--fingerprint", "SHA256:abc"], server)).status).toBe(0);
    expect(accepted).toEqual(["ssh-ed25519 AAAAshown", "ssh-ed25519 AAAAshown"]);
  });

  it("whose shown key is known already still have its fingerprint compared with the one given", async () => {
    const job = createScriptedJob(jobId(1));
    job.append({ state: JobState.SUCCEEDED });
    const result = create(JobResultSchema, {
      result: { case: "probe", value: { hostKeyType: "ssh-ed25519", hostKeyFingerprint: "SHA256:abc" } },
    });
    const server = await startServices({
      jobs: {
        createJob: () => ({ job: { ...job.job(), result } }),
        watchJob: job.watchJob,
      },
    });
    const known = { status: 0, stdout: "", stderr: "r1 shows a key that is known already\n" };
    const command = ["devices", "accept-host-key", "r1"];
    expect(await runCli(command, server)).toEqual(known);
    expect(await runCli([...command, "--fingerprint", "SHA256:abc"], server)).toEqual(known);
    expect(await runCli([...command, "--fingerprint", "SHA256:other"], server)).toEqual({
      status: 1,
      stdout: "",
      stderr: "error: r1 shows SHA256:abc, not SHA256:other\n",
    });
  });

  it("never have the key of a bastion before them accepted for theirs", async () => {
    const metadata = { host_key: "ssh-ed25519 AAAAbastion", fingerprint: "SHA256:abc", hop: "gw:22" };
    const error = create(JobErrorSchema, { reason: "HOST_KEY_CHANGED", message: "at bastion 1 on the way", metadata });
    const { server, accepted } = await startWhereProbesFail(error);
    const { status, stderr } = await runCli(
      ["devices", "accept-host-key", "r1", "--fingerprint", "SHA256:abc"],
      server,
    );
    expect(stderr).toMatch(
      /^error: at bastion 1 on the way; that is a bastion's key: .*devices update r1 --known-hosts/,
    );
    expect([status, accepted]).toEqual([1, []]);
  });
});

describe("credentials", () => {
  const secret = "pa55-w0rd";
  async function startVault() {
    const logins: Record<string, unknown>[] = [];
    const server = await startServices({
      credentials: {
        createCredential({ name, login }) {
          logins.push({ ...login });
          return { credential: { name, hasPassword: true, hasEnableSecret: true } };
        },
        updateCredential({ name, login }) {
          logins.push({ ...login });
          return { credential: { name, version: 2 } };
        },
        listCredentials: () => ({ credentials: [{ name: "lab", username: "ann", hasPrivateKey: true, version: 3 }] }),
        deleteCredential() {
          throw serviceError(Code.FailedPrecondition, "CREDENTIAL_IN_USE", "r1 uses it");
        },
      },
    });
    return { server, logins };
  }

  it("take their secrets from standard input, line by line, and show them nowhere", async () => {
    const { server, logins } = await startVault();
    const add = ["credentials", "add", "lab", "--username", "ann", "--enable"];
    const result = await runCli(add, { ...server, stdin: `${secret}\nen-${secret}\n` });
    expect(logins[0]).toMatchObject({ username: "ann", password: secret, enableSecret: `en-${secret}` });
    expect(result).toMatchObject({ status: 0, stdout: "lab stored (password+enable)\n", stderr: "" });
  });

  it("take the whole login as JSON, and do not quote what they cannot read", async () => {
    const { server, logins } = await startVault();
    const update = ["credentials", "update", "lab", "--from-json", "-"];
    await runCli(update, {
      ...server,
      stdin: JSON.stringify({ username: "ann", privateKey: "KEY", passphrase: secret }),
    });
    expect(logins[0]).toMatchObject({ username: "ann", privateKey: "KEY", passphrase: secret, password: "" });
    for (const stdin of [`{"password": ${secret}`, `{"password": ["${secret}"]}`, `{"${secret}": 1}`]) {
      const result = await runCli(update, { ...server, stdin });
      expect(result.status).toBe(2);
      expect(result.stderr).not.toContain(secret);
    }
    expect(logins).toHaveLength(1);
  });

  it("are listed by what they hold, and refusals are told on one line", async () => {
    const { server } = await startVault();
    expect((await runCli(["credentials"], server)).stdout).toMatch(/\nlab +ann +key +3\n/);
    expect(await runCli(["credentials", "remove", "lab"], server)).toMatchObject({
      status: 1,
      stderr: "error: r1 uses it (CREDENTIAL_IN_USE)\n",
    });
  });
});

describe("workers, health and platforms", () => {
  it("are shown, in words and in JSON; health ends with 1 when the service does not work", async () => {
    let status: HealthStatus = HealthStatus.DEGRADED;
    const server = await startServices({
      workers: {
        listWorkers: () => ({
          workers: [
            { name: "w1", state: WorkerState.BUSY, hostname: "n", pid: 7, capacity: 50 },
            { name: "w2", state: WorkerState.IDLE, hostname: "n", node: "fra-1", pid: 8, capacity: 50 },
          ],
        }),
      },
      health: {
        check: () => ({
          health: { status, components: [{ name: "redis", status, message: "slow", figures: { queued: 3n } }] },
        }),
      },
      devices: {
        listPlatforms: () => ({
          platforms: [
            {
              name: "cisco_ios",
              modes: ["exec", "enable"],
              channel: "shell",
              origin: "built_in",
              evidence: "recorded",
            },
            {
              ...{ name: "vyos", modes: ["exec"], origin: "ours.yaml", overridesBuiltIn: true },
              configuration: {
                evidence: "real_cli",
                candidate: true,
                confirmEvidence: "documents",
                confirmReboots: true,
              },
            },
          ],
        }),
      },
    });
    const { stdout: workers } = await runCli(["workers"], server);
    expect(workers).toMatch(/w1 +busy +n\/7 +0\/50/);
    // The name by which jobs and --node call the machine.
    expect(workers).toMatch(/w2 +idle +fra-1\/8 +0\/50/);
    const { stdout: platforms } = await runCli(["platforms"], server);
    expect(platforms).toMatch(/cisco_ios +exec,enable +recorded +no +built_in/);
    expect(platforms).toMatch(
      /vyos +exec +candidate \(real_cli\), confirmed, reboots \(documents\) +ours\.yaml \(in place of ours\)/,
    );
    const degraded = await runCli(["health"], server);
    expect(degraded.stdout).toMatch(/status +degraded[\s\S]+redis +degraded +slow, queued 3/);
    expect(degraded.status).toBe(0);
    status = HealthStatus.NOT_SERVING;
    const down = await runCli(["health", "--json"], server);
    expect(JSON.parse(down.stdout)).toMatchObject({ status: "HEALTH_STATUS_NOT_SERVING" });
    expect(down.status).toBe(1);
  });
});
