import { Pointsman } from "@pointsman/sdk";
import { JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHostKey } from "../../src/dev/simulator/host-key.js";
import { temporaryFile } from "../cli/temporary-file.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { device, login, startSystem, type System } from "../support/system.js";
import { createPerson, detached, done, followedBy, type Person } from "./people.js";

/** Commands that change nothing the tests look at, that end only when stopped, and that not even Ctrl-C ends. */
const extra = {
  commands: [
    { command: /^set /, output: "done\n" },
    { command: /^show slow/, output: "begun\n", delayMs: 3_600_000 },
    { command: /^reset /, output: "never\n" },
  ],
  faults: { hang: { matching: /^reset / } },
};

let at: System;
/** Admin, and operator. */
let ann: Person;
let bob: Person;
let client: Pointsman;

beforeAll(async () => {
  at = await startSystem({
    devices: ["r1", "r2", "r3", "r4", "r5", "r6", "r7"].map((name) => device(name, extra)),
  });
  [ann, bob] = await Promise.all([createPerson(at, "ann", "admin"), createPerson(at, "bob", "operator")]);
  client = new Pointsman({ baseUrl: at.url, apiKey: ann.key });
});
afterAll(async () => {
  client?.close();
  await at?.close();
});

/** What `job` says behind "waits", once that holds the text. */
function waits(id: string, text: string): Promise<string> {
  return eventually(async () => {
    const said = /^waits +(.*)$/m.exec(await done(bob, "job", id))?.[1] ?? "";
    expect(said).toContain(text);
    return said;
  });
}

const ends = async (id: string): Promise<JobState> => (await client.jobs.wait(id, { timeoutMs: 120_000 })).state;
const reaches = (name: string, line: string) =>
  at.simulator.find((entry) => entry.device === name && entry.line === line);

describe("exec", () => {
  test("on one device prints what it printed and ends with 0; on several, each line behind its device's name", async () => {
    const one = await bob.run(["exec", "r1", "--", "show", "version"]);
    expect(one.status).toBe(0);
    expect(one.stdout).toContain("Cisco IOS Software");
    expect(one.stdout).not.toContain("r1: ");
    expect(one.stderr).toContain("r1: succeeded");
    const many = await bob.run(["exec", "r1", "r2", "-c", "show version", "-c", "set mark"]);
    expect(many.status).toBe(0);
    for (const name of ["r1", "r2"]) expect(many.stdout).toMatch(new RegExp(`^${name}: .*Cisco IOS Software`, "m"));
  });

  test("on a device given by address logs in with the password from standard input, which nothing shows", async () => {
    const { host, port, hostKeyLine } = at.simulator.device("r3");
    const target = `${login.username}@${host}:${port}`;
    const command = ["exec", "--platform", "cisco_ios", "--host-key", hostKeyLine, target, "--", "show version"];
    const good = await bob.run(command, `${login.password}\n`);
    expect(good).toMatchObject({ status: 0 });
    expect(good.stdout).toContain("Cisco IOS Software");
    const bad = await bob.run(command, "wrong-password\n");
    expect(bad.status).toBe(1);
    expect(bad.stderr).toContain("AUTHENTICATION_FAILED");
    expect(JSON.stringify([good, bad])).not.toMatch(/wrong-password|correct-horse/);
  });

  test("ends with 1 for a rejected command, in the device's words, and for a device there is not, on one line", async () => {
    const rejected = await bob.run(["exec", "r1", "--", "show", "wether"]);
    expect(rejected.status).toBe(1);
    expect(rejected.stderr).toMatch(/DEVICE_REJECTED[\s\S]*the device said: .*Invalid input/);
    expect(await bob.run(["exec", "nope", "--", "show version"])).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(/^error: .*nope.* \(DEVICE_NOT_FOUND\)\n$/) as string,
    });
    const mixed = await bob.run(["exec", "r1", "nope", "--", "show version"]);
    expect(mixed.status).toBe(1);
    expect(mixed.stderr).toMatch(/^nope: error: .*DEVICE_NOT_FOUND/m);
    expect(mixed.stdout).toContain("Cisco IOS Software");
  });

  test("tells nothing secret of a command, also when it is refused", async () => {
    const job = await client.jobs.run({ device: "r1", commands: ["snmp-server community hunter2 RO"] });
    const told = "snmp-server community <redacted> RO";
    expect(job.error).toMatchObject({ reason: "DEVICE_REJECTED", message: `the device rejected "${told}"` });
    expect(job.result?.result.value).toMatchObject({ commands: [{ command: told }] });
    const lines = [];
    for await (const { event } of client.jobs.events(job.id)) {
      if (event.case === "commandStarted") lines.push(event.value.line);
    }
    expect(lines).toEqual([told]);
  });

  test("with a key that a live job has is refused, or joins it, or takes its place", async () => {
    const first = await detached(bob, "--dedupe-key", "k", "r1", "--", "show slow");
    await reaches("r1", "show slow");
    const twin = ["exec", "--detach", "--dedupe-key", "k", "r1", "--", "show slow"];
    expect(await bob.run(twin)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("DUPLICATE_JOB") as string,
    });
    const joined = await bob.run([...twin.slice(0, 2), "--dedupe-policy", "join", ...twin.slice(2)]);
    expect(joined.stdout).toBe(`${first}\n`);
    const second = await detached(bob, "--dedupe-key", "k", "--dedupe-policy", "replace", "r1", "--", "show clock");
    expect(second).not.toBe(first);
    await done(bob, "cancel", first, "--interrupt-running");
    expect(await ends(second)).toBe(JobState.SUCCEEDED);
  });
});

describe("a job that runs", () => {
  test("is left alone by cancel, stopped with --interrupt-running, and named by those behind it", async () => {
    const following = bob.start(["exec", "r2", "--", "show slow"]);
    await reaches("r2", "show slow");
    const id = await followedBy(following);
    const behind = await detached(bob, "r2", "--", "show version");
    expect(await waits(behind, "runs on r2")).toContain(`job ${id} (show slow) runs on r2 since `);
    const left = await bob.run(["cancel", id]);
    expect(left.stdout).toBe(`${id}  runs, left alone\n`);
    expect((await bob.run(["delete", id])).stderr).toMatch(/^error: .* \(JOB_NOT_FINAL\)\n$/);
    expect(await done(bob, "cancel", id, "--interrupt-running", "--reason", "enough")).toContain("told to stop");
    const ended = await following.done;
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain("r2: cancelled");
    expect(await ends(behind)).toBe(JobState.SUCCEEDED);
  });
});

describe("an outcome that is unknown", () => {
  test("ends exec with 3, holds the device for changes, and `resolve` lifts the hold", async () => {
    const following = bob.start(["exec", "r3", "--", "reset everything"]);
    await reaches("r3", "reset everything");
    const id = await followedBy(following);
    await done(bob, "cancel", id, "--interrupt-running");
    const ended = await following.done;
    expect(ended.status).toBe(3);
    expect(ended.stderr).toContain("outcome unknown, device held");

    const change = await detached(bob, "r3", "--", "set x");
    expect(await waits(change, "is held")).toContain(
      `device r3 is held for job ${id}, whose outcome is unknown; look at the device, then resolve it with \`pointsman resolve ${id}`,
    );
    expect(await done(bob, "devices", "get", "r3")).toMatch(new RegExp(`^held +since .*pointsman resolve ${id}`, "m"));
    expect((await bob.run(["exec", "r3", "--", "show clock"])).status).toBe(0);
    const blocked = await bob.run(["exec", "--fail-if-blocked", "r3", "--", "set y"]);
    expect(blocked).toMatchObject({ status: 1, stderr: expect.stringContaining("DEVICE_HELD") as string });
    expect((await bob.run(["retry", id])).stderr).toContain("JOB_NOT_RESOLVED");

    expect(await done(bob, "resolve", id, "not-applied", "--reason", "looked")).toBe(
      `${id} is resolved: not-applied\n`,
    );
    expect(await ends(change)).toBe(JobState.SUCCEEDED);
    expect((await bob.run(["resolve", id, "applied", "--reason", "x"])).stderr).toContain("JOB_ALREADY_RESOLVED");
  });
});

describe("retry and delete", () => {
  test("do ended jobs again, by id and by filter, and each names the other", async () => {
    const failed = await bob.run(["exec", "--json", "--label", "t=again", "r1", "--", "show", "wether"]);
    const { job: id } = JSON.parse(failed.stdout.trim().split("\n").at(-1) ?? "") as { job: string };
    const again = /again as ([0-9a-z]{26})\n$/.exec(await done(bob, "retry", id))?.[1] ?? "";
    expect(await ends(again)).toBe(JobState.FAILED);
    expect(await done(bob, "job", again)).toMatch(new RegExp(`^again of +${id}$`, "m"));
    expect(await done(bob, "job", id)).toMatch(new RegExp(`^done again +as ${again}$`, "m"));
    const both = await bob.run(["retry", "--state", "failed", "--label", "t=again", "--since", "1h"]);
    expect(both.stderr).toBe("2 done again\n");
    for (const line of both.stdout.trim().split("\n")) await ends(line.slice(-26));
    expect((await bob.run(["retry", `${"0".repeat(26)}`])).stderr).toContain("error: no job");
  });

  test("a deleted job leaves the lists until it is wanted back, and stays readable", async () => {
    const created = await detached(bob, "--label", "t=gone", "r1", "--", "show clock");
    expect(await ends(created)).toBe(JobState.SUCCEEDED);
    expect(await done(bob, "delete", created)).toBe(`${created}  deleted\n`);
    const list = ["jobs", "--label", "t=gone", "--order", "ended"];
    expect(await done(bob, ...list)).not.toContain(created);
    expect(await done(bob, ...list, "--deleted")).toContain(`${created}  succeeded, deleted`);
    expect(await done(bob, "job", created)).toMatch(/^deleted +2/m);
    await done(bob, "undelete", created);
    expect(await done(bob, ...list)).toContain(created);
  });
});

describe("locks", () => {
  test("keep others' changes from starting and say who, why and until when; the owner's pass", async () => {
    expect(await done(ann, "devices", "lock", "r4", "--reason", "card swap", "--for", "2h")).toMatch(
      /^r4 is locked by ann for changes, since .*, until .*: card swap\n$/,
    );
    const change = await detached(bob, "r4", "--", "set x");
    expect(await waits(change, "is locked")).toMatch(
      /^device r4 is locked by ann for changes, .*: card swap; ann opens it with `pointsman devices unlock r4`/,
    );
    expect((await bob.run(["exec", "r4", "--", "show clock"])).status).toBe(0);
    expect((await ann.run(["exec", "r4", "--", "set mine"])).status).toBe(0);
    expect(await done(bob, "devices", "get", "r4")).toMatch(/^locked +by ann for changes/m);
    expect((await bob.run(["devices", "unlock", "r4"])).stderr).toMatch(/^error: .*ann.* \(DEVICE_LOCKED\)\n$/);
    expect((await bob.run(["devices", "unlock", "r4", "--force"])).stderr).toMatch(
      /^error: .* \(PERMISSION_DENIED\)\n$/,
    );
    expect((await client.jobs.get(change)).state).toBe(JobState.QUEUED);
    expect(await done(ann, "devices", "unlock", "r4")).toBe("r4 is unlocked\n");
    expect(await ends(change)).toBe(JobState.SUCCEEDED);

    await done(bob, "devices", "lock", "r4", "--all", "--reason", "mine");
    const read = await detached(ann, "r4", "--", "show clock");
    await waits(read, "is locked by bob for all work");
    await done(ann, "devices", "unlock", "r4", "--force");
    expect(await ends(read)).toBe(JobState.SUCCEEDED);
    expect((await ann.run(["devices", "unlock", "r4"])).stderr).toContain("DEVICE_NOT_LOCKED");
  });
});

describe("pauses and limits", () => {
  test("a paused line starts nothing and says by whom; resumed, it goes on", async () => {
    await done(bob, "queues", "pause", "device/r5", "--reason", "vendor");
    const job = await detached(ann, "r5", "--", "show clock");
    expect(await waits(job, "is paused")).toMatch(
      /^queue device\/r5 is paused by bob since .*: vendor; `pointsman queues resume device\/r5` opens it$/,
    );
    expect(await done(ann, "devices", "get", "r5")).toMatch(/^paused +by bob since .*: vendor; /m);
    const blocked = await ann.run(["exec", "--fail-if-blocked", "r5", "--", "show clock"]);
    expect(blocked).toMatchObject({ status: 1, stderr: expect.stringContaining("QUEUE_PAUSED") as string });
    expect(await done(bob, "queues", "resume", "device/r5")).toContain("device/r5 is open");
    expect(await ends(job)).toBe(JobState.SUCCEEDED);
  });

  test("a paused named queue holds its jobs on every device, and shows them", async () => {
    await done(bob, "queues", "pause", "backups", "--reason", "full disk");
    const jobs = (await detached(bob, "--queue", "backups", "r1", "r2", "--", "show clock")).split("\n");
    expect(jobs).toHaveLength(2);
    for (const job of jobs) await waits(job, "queue backups is paused by bob");
    expect(await done(bob, "queues")).toMatch(/^default +backups +2 +0 .*by bob .*: full disk$/m);
    expect(await done(bob, "jobs", "--queue", "backups")).toContain("paused");
    await done(bob, "queues", "resume", "backups");
    for (const job of jobs) expect(await ends(job)).toBe(JobState.SUCCEEDED);
    expect(await done(bob, "queues", "get", "backups")).toMatch(/^waiting +0\nrunning +0$/m);
    expect((await bob.run(["queues", "get", "nope"])).stderr).toMatch(/^error: .*nope.* \(QUEUE_NOT_FOUND\)\n$/);
  });

  test("a limit on a label is named by the job that waits for it, and lifting it lets the job go on", async () => {
    expect((await bob.run(["limits", "set", "label/site", "1"])).stderr).toContain("PERMISSION_DENIED");
    expect(await done(ann, "limits", "set", "label/site", "1")).toBe("label/site: 1 at a time in zone default\n");
    const first = await detached(bob, "--label", "site=ber", "r5", "--", "show slow");
    await reaches("r5", "show slow");
    const second = await detached(bob, "--label", "site=ber", "r6", "--", "show clock");
    expect(await waits(second, "the limit")).toBe(
      "the limit label/site lets 1 job with site=ber run at a time, and 1 do; this one has place 1; " +
        "`pointsman limits set label/site MAX` changes it",
    );
    const elsewhere = await bob.run(["exec", "--label", "site=muc", "r6", "--", "show clock"]);
    expect(elsewhere.status).toBe(0);
    expect(await done(bob, "limits")).toMatch(/^default +label\/site +1$/m);
    await done(ann, "limits", "lift", "label/site");
    expect(await ends(second)).toBe(JobState.SUCCEEDED);
    expect((await bob.run(["limits"])).stderr).toBe("no limit\n");
    await done(bob, "cancel", first, "--interrupt-running");
    await ends(first);
  });
});

test("a job that waits for its time, for another try or for a worker says so", async () => {
  const commands = ["show clock"];
  const endpoint = { address: "127.0.0.1", port: await freePort(), platform: "cisco_ios", login: "lab" };
  const later = await client.jobs.create({ device: "r1", commands, startTime: new Date(Date.now() + 3_600_000) });
  expect(await waits(later.id, "its start time")).toMatch(/^its start time, 2.*, has not come$/);
  const retry = { initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 };
  const again = await client.jobs.create({ endpoint, commands, retry });
  expect(await waits(again.id, "is tried again")).toMatch(
    /^attempt 1 failed: .* \(CONNECTION_REFUSED\); it is tried again at 2/,
  );
  const fields = ["--address", "127.0.0.2", "--platform", "cisco_ios", "--credential", "lab", "--zone", "far"];
  await done(ann, "devices", "add", "away", ...fields);
  const alone = await client.jobs.create({ device: "away", commands });
  expect(await waits(alone.id, "no live worker")).toContain("`POINTSMAN_ZONES=far pointsman worker`");
  const cancelled = await done(bob, "cancel", later.id, again.id, alone.id);
  expect(cancelled.match(/ {2}cancelled$/gm)).toHaveLength(3);
});

test("watch --device tells each state of its jobs until Ctrl-C", async () => {
  const watching = bob.start(["watch", "--device", "r6"]);
  await eventually(() => expect(watching.stdout()).not.toBe(""));
  const id = await detached(bob, "r6", "--", "show version");
  await eventually(() => expect(watching.stdout()).toMatch(new RegExp(`${id}  succeeded +r6  show version`)));
  watching.interrupt();
  expect((await watching.done).status).toBe(130);
});

test("devices are imported, have their host key accepted by its fingerprint, and then work", async () => {
  const { host, port } = at.simulator.device("r7");
  expect((await bob.run(["devices", "remove", "r7"])).stderr).toContain("PERMISSION_DENIED");
  await done(ann, "devices", "remove", "r7");
  const entry = (name: string): string =>
    `  - { name: ${name}, address: ${host}, port: ${port}, labels: { pod: 7 } }\n`;
  const file = await temporaryFile(
    "devices.yaml",
    `defaults: { platform: cisco_ios, credential: lab }\ndevices:\n${entry("new")}${entry("twin")}`,
  );
  const imported = await ann.run(["devices", "import", file]);
  expect(imported).toMatchObject({ status: 1, stdout: "1 added, 1 refused\n" });
  expect(imported.stderr).toMatch(/^(new|twin): error: .* \(ENDPOINT_TAKEN\)\n$/);
  const name = imported.stderr.startsWith("new") ? "twin" : "new";
  expect(await done(bob, "devices", "--label", "pod=7")).toMatch(
    new RegExp(`^${name} +${host}:${port} +cisco_ios`, "m"),
  );

  await done(ann, "devices", "update", name, "--host-key", createHostKey().line);
  const changed = await bob.run(["exec", name, "--", "show clock"]);
  expect(changed).toMatchObject({ status: 1, stderr: expect.stringContaining("HOST_KEY_CHANGED") as string });
  expect(await done(bob, "devices", "get", name)).toMatch(/^last failure +2.*\(HOST_KEY_CHANGED\), job /m);
  const accept = ["devices", "accept-host-key", name, "--fingerprint"];
  const other = await ann.run([...accept, "SHA256:other"]);
  expect(other.status).toBe(1);
  const [, shown = ""] = /shows (SHA256:\S+), not SHA256:other/.exec(other.stderr) ?? [];
  expect(await done(ann, ...accept, shown)).toBe(`${name}: host key accepted\n`);
  expect((await bob.run(["exec", name, "--", "show clock"])).status).toBe(0);
});

test("--json is JSON, whatever is asked", async () => {
  const id = await detached(bob, "r1", "--", "show clock");
  await ends(id);
  const documents = [
    ["jobs"],
    ["jobs", "count"],
    ["job", id],
    ["devices"],
    ["devices", "get", "r1"],
    ["queues"],
    ["queues", "get", "device/r1"],
    ["limits"],
    ["credentials"],
    ["workers"],
    ["health"],
    ["platforms"],
    ["retry", id],
    ["delete", id],
    ["undelete", id],
    ["cancel", id],
    ["devices", "lock", "r1", "--reason", "x"],
    ["devices", "unlock", "r1"],
    ["queues", "pause", "spare", "--reason", "x"],
    ["queues", "resume", "spare"],
  ];
  for (const args of documents) {
    const { status, stdout } = await bob.run([...args, "--json"]);
    expect({ args, status, parsed: typeof JSON.parse(stdout) }).toEqual({ args, status: 0, parsed: "object" });
  }
  for (const args of [
    ["exec", "r1", "r2", "--", "show clock"],
    ["watch", id],
  ]) {
    const { status, stdout } = await bob.run([args[0] ?? "", "--json", ...args.slice(1)]);
    expect(status).toBe(0);
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { result?: { state: string } });
    expect(records.at(-1)?.result?.state).toBe("JOB_STATE_SUCCEEDED");
  }
  const refused = await bob.run(["job", "0".repeat(26), "--json"]);
  expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: "not_found", reason: "JOB_NOT_FOUND" } });
});
