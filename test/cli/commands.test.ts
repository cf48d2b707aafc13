import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { afterEach, describe, expect, it } from "vitest";
import { create, durationFromMs } from "@pointsman/sdk";
import {
  CancelOutcome,
  CommandStatus,
  CredentialService,
  DeviceService,
  DeviceStatusSchema,
  Effect,
  HealthService,
  HealthStatus,
  JobErrorSchema,
  JobSchema,
  JobService,
  JobState,
  ResolutionKind,
  SyncedSchema,
  WaitingReason,
  WorkerService,
  WorkerState,
} from "@pointsman/sdk/v1";
import { eventually } from "../support/eventually.js";
import { createScriptedJob, jobId } from "../sdk/scripted-job.js";
import { serviceError, startScriptedServer, type ScriptedServer } from "../sdk/scripted-server.js";
import { runCli, startCli } from "./run-cli.js";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Services {
  jobs?: Partial<ServiceImpl<typeof JobService>>;
  devices?: Partial<ServiceImpl<typeof DeviceService>>;
  credentials?: Partial<ServiceImpl<typeof CredentialService>>;
  workers?: Partial<ServiceImpl<typeof WorkerService>>;
  health?: Partial<ServiceImpl<typeof HealthService>>;
}

async function start(services: Services): Promise<ScriptedServer> {
  const server = await startScriptedServer((router) => {
    router.service(JobService, services.jobs ?? {});
    router.service(DeviceService, services.devices ?? {});
    router.service(CredentialService, services.credentials ?? {});
    router.service(WorkerService, services.workers ?? {});
    router.service(HealthService, services.health ?? {});
  });
  closing.push(() => server.close());
  return server;
}

async function file(name: string, text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "pointsman-cli-"));
  closing.push(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, name), text);
  return join(directory, name);
}

const device = (name: string) => ({ case: "device" as const, value: name });
const commands = (...lines: string[]) => ({
  case: "commands" as const,
  value: { commands: lines.map((command) => ({ command })) },
});

describe("jobs", () => {
  const jobs = [
    {
      id: jobId(1),
      state: JobState.QUEUED,
      spec: { target: device("r1"), operation: commands("show version", "show clock") },
      waitingReason: WaitingReason.DEVICE_BUSY,
      blockingJob: jobId(9),
      position: 2,
    },
    {
      id: jobId(2),
      state: JobState.FAILED,
      spec: { target: device("r2"), operation: commands("show") },
      error: { reason: "CONNECTION_REFUSED", message: "refused" },
      waitDuration: durationFromMs(1_500),
    },
  ];

  it("are a table with why each waits or failed, and one document with --json", async () => {
    const seen: unknown[] = [];
    const server = await start({
      jobs: {
        listJobs(request) {
          seen.push(request.filter);
          return { jobs, nextPageToken: "" };
        },
      },
    });
    const filter = [
      "--state",
      "queued,failed",
      "--device",
      "r1",
      "--device",
      "r2",
      "--label",
      "site=ber",
      "--since",
      "1h",
    ];
    const now = new Date("2026-11-20T12:00:00Z");
    const text = await runCli(["jobs", ...filter], { ...server, now });
    expect(text.stdout.split("\n")[1]).toMatch(/queued +r1 +show version \(\+1\) .*device-busy \(position 2, behind /);
    expect(text.stdout.split("\n")[2]).toMatch(/failed +r2 +show +1\.5 s +CONNECTION_REFUSED$/);
    expect(seen[0]).toMatchObject({
      states: [JobState.QUEUED, JobState.FAILED],
      devices: ["r1", "r2"],
      labels: { site: "ber" },
      createdAfter: { seconds: BigInt(now.getTime() / 1000 - 3600) },
    });
    const json = JSON.parse((await runCli(["jobs", "--json"], server)).stdout) as { jobs: unknown[] };
    expect(json.jobs[0]).toMatchObject({
      id: jobId(1),
      state: "JOB_STATE_QUEUED",
      waitingReason: "WAITING_REASON_DEVICE_BUSY",
    });
  });

  it("stop at the limit, say that there are more, and go through every page with --all", async () => {
    const server = await start({
      jobs: {
        listJobs: ({ pageToken }) => ({ jobs, nextPageToken: pageToken === "xx" ? "" : `${pageToken}x` }),
      },
    });
    const three = await runCli(["jobs", "--limit", "3"], server);
    expect(three.stdout.trimEnd().split("\n")).toHaveLength(1 + 3);
    expect(three.stderr).toContain("there are more");
    const all = await runCli(["jobs", "--all"], server);
    expect(all.stdout.trimEnd().split("\n")).toHaveLength(1 + 6);
    expect(all.stderr).toBe("");
  });

  it("are counted by state", async () => {
    const server = await start({ jobs: { countJobs: () => ({ total: 5, byState: { QUEUED: 2, FAILED: 3 } }) } });
    expect((await runCli(["jobs", "count"], server)).stdout).toBe("STATE   JOBS\nqueued  2\nfailed  3\ntotal   5\n");
    expect(JSON.parse((await runCli(["jobs", "count", "--json"], server)).stdout)).toEqual({
      total: 5,
      byState: { QUEUED: 2, FAILED: 3 },
    });
  });
});

describe("job", () => {
  const job = {
    id: jobId(1),
    state: JobState.INDETERMINATE,
    spec: { target: device("r1"), operation: commands("show clock", "reload") },
    effect: Effect.PARTIAL,
    lastIntendedStep: 2,
    lastConfirmedStep: 1,
    error: {
      reason: "DISCONNECTED",
      message: "the connection was lost",
      tail: "proceed?",
      metadata: { phase: "command" },
    },
    resolution: { kind: ResolutionKind.NOT_APPLIED, resolver: "ann", reason: "uptime unchanged" },
    attempts: [{ number: 1 }],
    result: {
      result: {
        case: "commands" as const,
        value: {
          commands: [
            {
              command: "show clock",
              status: CommandStatus.OK,
              output: "12:00\n",
              outputBytes: 6,
              duration: durationFromMs(40),
            },
            { command: "reload", status: CommandStatus.INTERRUPTED, errorLines: ["% bad"], exitStatus: 7 },
          ],
        },
      },
    },
  };

  it("shows state, effect, error, resolution and each command", async () => {
    const server = await start({ jobs: { getJob: () => ({ job }) } });
    const { stdout } = await runCli(["job", jobId(1)], server);
    for (const line of [
      /state +indeterminate/,
      /effect +partial: 1 confirmed of 2/,
      /error +the connection was lost \(DISCONNECTED\)/,
      /phase +command/,
      /last received +proceed\?/,
      /resolved +not applied/,
      /1 +ok +40 ms +6 B +show clock/,
      /2 +interrupted +0 B +7 +reload +% bad/,
    ]) {
      expect(stdout).toMatch(line);
    }
  });

  it("gives the bare output with --output, and the message with --json", async () => {
    const server = await start({ jobs: { getJob: () => ({ job }) } });
    expect((await runCli(["job", jobId(1), "--output"], server)).stdout).toBe("12:00\n");
    expect(await runCli(["job", jobId(1), "--transcript"], server)).toMatchObject({ status: 1, stdout: "" });
    const debugged = await start({ jobs: { getJob: () => ({ job: { ...job, transcript: '{"at":1}\n' } }) } });
    expect((await runCli(["job", jobId(1), "--transcript"], debugged)).stdout).toBe('{"at":1}\n');
    const json = JSON.parse((await runCli(["job", jobId(1), "--json"], server)).stdout) as unknown;
    expect(json).toMatchObject({ id: jobId(1), resolution: { resolver: "ann" }, result: { commands: {} } });
  });
});

describe("watch", () => {
  it("follows one job and ends with the status of its end", async () => {
    const job = createScriptedJob(jobId(1));
    job.append({ output: "early\n" });
    const server = await start({ jobs: { watchJob: job.watchJob, getJob: () => ({ job: job.job() }) } });
    const cli = startCli(["watch", job.id], server);
    await eventually(() => expect(cli.stdout()).toBe("early\n"));
    job.append({ state: JobState.INDETERMINATE });
    expect((await cli.done).status).toBe(3);
  });

  it("follows many until Ctrl-C, and leaves no call behind", async () => {
    let open = 0;
    const server = await start({
      jobs: {
        async *watchJobs(request, context) {
          open++;
          expect(request.filter?.devices).toEqual(["r1"]);
          const spec = { target: device("r1"), operation: commands("show version") };
          yield {
            cursor: "1",
            item: { case: "changed", value: create(JobSchema, { id: jobId(1), state: JobState.RUNNING, spec }) },
          };
          yield { cursor: "2", item: { case: "synced", value: create(SyncedSchema) } };
          yield { cursor: "3", item: { case: "removed", value: jobId(1) } };
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          open--;
        },
      },
    });
    const cli = startCli(["watch", "--device", "r1"], server);
    await eventually(() => expect(cli.stdout().trimEnd().split("\n")).toHaveLength(2));
    expect(cli.stdout()).toMatch(/running +r1 +show version\n.*no longer among them/);
    cli.interrupt();
    expect((await cli.done).status).toBe(130);
    await eventually(() => expect(open).toBe(0));

    const json = startCli(["watch", "--device", "r1", "--json"], server);
    await eventually(() => expect(json.stdout().trimEnd().split("\n")).toHaveLength(3));
    const records = json
      .stdout()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(records).toMatchObject([{ changed: { id: jobId(1) } }, { synced: {} }, { removed: jobId(1), cursor: "3" }]);
    json.interrupt();
    await json.done;
  });
});

describe("cancel", () => {
  it("says what became of each, names ids that are not known, and ends with 1 for those", async () => {
    const seen: unknown[] = [];
    const server = await start({
      jobs: {
        cancelJobs(request) {
          seen.push(request);
          const results = [
            { id: jobId(1), outcome: CancelOutcome.CANCELLED },
            { id: jobId(2), outcome: CancelOutcome.RUNNING },
          ];
          return { cancelledCount: 1, cancelledIds: [jobId(1)], results };
        },
      },
    });
    const result = await runCli(["cancel", jobId(1), jobId(2), jobId(3), "--reason", "enough"], server);
    expect(result.stdout).toBe(`${jobId(1)}  cancelled\n${jobId(2)}  runs, left alone\n`);
    expect(result.stderr).toContain(`no job ${jobId(3)}`);
    expect(result.stderr).toContain("--interrupt-running");
    expect(result.status).toBe(1);
    expect(seen[0]).toMatchObject({ interruptRunning: false, reason: "enough", filter: { ids: [1, 2, 3].map(jobId) } });
    const byLine = await runCli(["cancel", "--queue", "device/r1", "--interrupt-running", "--json"], server);
    expect(seen[1]).toMatchObject({ interruptRunning: true, filter: { ids: [], queues: ["device/r1"] } });
    expect(JSON.parse(byLine.stdout)).toMatchObject({
      cancelledCount: 1,
      results: [{}, { outcome: "CANCEL_OUTCOME_RUNNING" }],
    });
  });

  it("never cancels everything because nothing was said", async () => {
    const result = await runCli(["cancel"], { url: "http://127.0.0.1:1" });
    expect(result).toMatchObject({ status: 2, stderr: "error: which jobs? name them, or choose them by options\n" });
    expect((await runCli(["cancel", jobId(1), "--device", "r1"], { url: "http://127.0.0.1:1" })).status).toBe(2);
  });
});

describe("resolve", () => {
  it("hands on the verdict with its reason, and asks for both", async () => {
    const seen: unknown[] = [];
    const server = await start({
      jobs: {
        resolveJob(request) {
          seen.push(request);
          return {
            job: { id: request.id },
            ...(request.kind === ResolutionKind.RERUN ? { rerunJob: { id: jobId(2) } } : {}),
          };
        },
      },
    });
    const said = await runCli(["resolve", jobId(1), "not-applied", "--reason", "looked"], server);
    expect(said.stdout).toBe(`${jobId(1)} is resolved: not-applied\n`);
    expect(seen[0]).toMatchObject({ id: jobId(1), kind: ResolutionKind.NOT_APPLIED, reason: "looked" });
    expect((await runCli(["resolve", jobId(1), "rerun", "--reason", "x"], server)).stdout).toContain(
      `run again as ${jobId(2)}`,
    );
    expect((await runCli(["resolve", jobId(1), "maybe", "--reason", "x"], server)).status).toBe(2);
    expect((await runCli(["resolve", jobId(1), "applied"], server)).status).toBe(2);
    expect(seen).toHaveLength(2);
  });
});

describe("devices", () => {
  it("are added, changed, shown, listed and removed", async () => {
    const stored = new Map<string, object>();
    const masks: (string[] | undefined)[] = [];
    const server = await start({
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
          stored.set(changed!.name, changed!);
          return { device: changed! };
        },
        listDevices: () => ({ devices: [...stored.values()] }),
        deleteDevice({ name }) {
          if (!stored.delete(name)) throw serviceError(Code.NotFound, "DEVICE_NOT_FOUND", `no device ${name}`);
          return {};
        },
      },
    });
    const hosts = await file("known_hosts", "[10.0.0.1]:2222 ssh-ed25519 AAAA\n");
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
    const server = await start({
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
    const path = await file(
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
    const accepted: string[] = [];
    const job = createScriptedJob(jobId(1));
    job.append({ state: JobState.FAILED });
    const metadata = { host_key: "ssh-ed25519 AAAAshown", fingerprint: "SHA256:abc" };
    const error = create(JobErrorSchema, { reason: "HOST_KEY_UNKNOWN", message: "unknown", metadata });
    const server = await start({
      jobs: {
        createJob: () => ({ job: job.job() }),
        watchJob: job.watchJob,
        getJob: () => ({ job: { ...job.job(), error } }),
      },
      devices: {
        acceptHostKey({ name, hostKey }) {
          accepted.push(hostKey);
          return { device: { name } };
        },
      },
    });
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
});

describe("credentials", () => {
  const secret = "pa55-w0rd";
  async function startVault() {
    const logins: Record<string, unknown>[] = [];
    const server = await start({
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
    const server = await start({
      workers: {
        listWorkers: () => ({
          workers: [{ name: "w1", state: WorkerState.BUSY, hostname: "n", pid: 7, capacity: 50 }],
        }),
      },
      health: {
        check: () => ({
          health: { status, components: [{ name: "redis", status, message: "slow", figures: { queued: 3n } }] },
        }),
      },
      devices: {
        listPlatforms: () => ({ platforms: [{ name: "cisco_ios", modes: ["exec", "enable"], channel: "shell" }] }),
      },
    });
    expect((await runCli(["workers"], server)).stdout).toMatch(/w1 +busy +n\/7 +0\/50/);
    expect((await runCli(["platforms"], server)).stdout).toMatch(/cisco_ios +shell +exec,enable/);
    const degraded = await runCli(["health"], server);
    expect(degraded.stdout).toMatch(/status +degraded[\s\S]+redis +degraded +slow, queued 3/);
    expect(degraded.status).toBe(0);
    status = HealthStatus.NOT_SERVING;
    const down = await runCli(["health", "--json"], server);
    expect(JSON.parse(down.stdout)).toMatchObject({ status: "HEALTH_STATUS_NOT_SERVING" });
    expect(down.status).toBe(1);
  });
});

describe("every command", () => {
  it("tells an error on one line, and the wrong fields on one line each", async () => {
    const violations = [{ field: "name", description: "must not be empty" }];
    const server = await start({
      devices: {
        getDevice() {
          throw serviceError(Code.InvalidArgument, "INVALID_REQUEST", "the request is wrong", { violations });
        },
      },
    });
    const text = await runCli(["devices", "get", ""], server);
    expect(text).toEqual({
      status: 1,
      stdout: "",
      stderr: "error: the request is wrong (INVALID_REQUEST)\n  name: must not be empty\n",
    });
    const json = await runCli(["devices", "get", "", "--json"], server);
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: { reason: "INVALID_REQUEST", fieldViolations: violations },
    });
  });

  it("sends the key from a file or the environment, and never shows it", async () => {
    const keys: (string | null)[] = [];
    const server = await start({
      workers: {
        listWorkers(_, context) {
          keys.push(context.requestHeader.get("x-api-key"));
          throw serviceError(Code.Unauthenticated, "UNAUTHENTICATED", "no such key");
        },
      },
    });
    const path = await file("key", "k3y-file\n");
    const outputs = [
      await runCli(["workers", "--api-key-file", path], server),
      await runCli(["workers"], { ...server, env: { POINTSMAN_API_KEY: "k3y-env" } }),
    ];
    expect(keys).toEqual(["k3y-file", "k3y-env"]);
    expect(JSON.stringify(outputs)).not.toContain("k3y");
    expect(outputs[0]?.stderr).toBe("error: no such key (UNAUTHENTICATED)\n");
  });

  it("names the server that does not answer", async () => {
    const server = await start({});
    await server.close();
    closing.pop();
    const result = await runCli(["workers"], server);
    expect(result.stderr).toMatch(new RegExp(`^error: no answer from ${server.url}: .*ECONNREFUSED.*\\n$`));
    expect(result.status).toBe(1);
  });

  it("ends quietly when nobody reads its output any more", async () => {
    const server = await start({ jobs: { countJobs: () => ({ total: 1, byState: {} }) } });
    const broken = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
    });
    const left: number[] = [];
    const result = await runCli(["jobs", "count"], {
      ...server,
      stdout: broken,
      onLeave: (status) => left.push(status),
    });
    expect(left).toEqual([141]);
    expect(result.stderr).toBe("");
  });
});
