import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { create as message, type MessageInitShape } from "@bufbuild/protobuf";
import {
  JobSpecSchema,
  JobState,
  ResolutionKind,
  RunService,
  type RunSpecSchema,
  RunState,
  type RunTargetSchema,
  RunTargetState,
  ScheduleSchema,
  ScheduleService,
} from "@pointsman/sdk/v1";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRunJobs } from "../../src/api/runs/run-jobs.js";
import { withWords } from "../../src/api/runs/run-words.js";
import { createRunDriver } from "../../src/scheduler/run-driver.js";
import { createRunEnds } from "../../src/scheduler/run-ends.js";
import { decodeLogins, jobPlace } from "../../src/secrets/login-codec.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";
import { claimNext, commandsResult, startTestApi, testPlatforms, type TestApi } from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { succeed, worker } from "../support/jobs.js";
import { problemOf } from "./problems.js";

let api: TestApi;
let runs: ReturnType<typeof createClient<typeof RunService>>;
let schedules: ReturnType<typeof createClient<typeof ScheduleService>>;
let services: readonly { start(): Promise<void>; stop(): Promise<void> }[];
const names = Array.from({ length: 5 }, (_, i) => `r${i}`);
const show = (command: string) => ({ case: "commands" as const, value: { commands: [{ command }] } });

beforeAll(async () => {
  api = await startTestApi();
  const transport = createConnectTransport({ baseUrl: api.baseUrl, httpVersion: "2" });
  runs = createClient(RunService, transport);
  schedules = createClient(ScheduleService, transport);
  const clients = api.clients();
  await clients.credentials.createCredential({ name: "lab", login: { username: "ann", password: "pw" } });
  for (const [i, name] of names.entries()) {
    const labels = { site: i < 3 ? "fra" : "ber" };
    await clients.devices.createDevice({
      device: { name, address: `10.0.0.${i + 1}`, platform: "cisco_ios", credential: "lab", labels },
    });
  }
  const parts = { store: api.store, clock: systemClock, logger: pino({ level: "silent" }) };
  const creation = { ...parts, sealer: api.sealer, platforms: testPlatforms, random: systemRandom };
  const makeJobs = createRunJobs({ ...creation, forbidInlineEndpoints: false });
  services = [createRunDriver({ ...parts, server: "test", makeJobs }), createRunEnds(parts)];
  for (const service of services) await service.start();
});
afterAll(async () => {
  for (const service of services) await service.stop();
  await api.close();
});

const program = (command: string) => ({
  case: "shell" as const,
  value: { program: { case: "command" as const, value: command } },
});

/** Does what is next, and has the device print this. */
const answer = async (text: string) => {
  const worker = await eventually(() => claimNext(api.store));
  await worker.print(1, text);
  await worker.end({ result: commandsResult({ command: "show version", outputBytes: text.length }) });
};
const create = (run: MessageInitShape<typeof RunSpecSchema>, more: object = {}) => runs.createRun({ run, ...more });
const cancel = async (id: string) => {
  await runs.cancelRun({ id });
  await eventually(async () => expect((await runs.getRun({ id })).run?.state).toBe(RunState.CANCELLED));
};

describe("creating a run", () => {
  test("has its credential stand in for those of devices; a target given by address keeps its login", async () => {
    const login = { case: "secret" as const, value: { username: "ann", password: "pw" } };
    const endpoint = { case: "endpoint" as const, value: { address: "10.3.0.1", platform: "cisco_ios", login } };
    const job = { operation: show("show clock"), credential: "lab" };
    const { run, rejections } = await create({ job, devices: ["r4"], targets: [{ target: endpoint }] });
    expect(rejections).toEqual([]);
    await eventually(async () => {
      const { jobs } = await api.clients().jobs.listJobs({ filter: { runs: [run!.id] } });
      expect(jobs.map(({ spec }) => `${spec?.target.case} ${spec?.credential}`).sort()).toEqual([
        "device lab",
        "endpoint ",
      ]);
    });
    await cancel(run!.id);
  });

  test("gives each job the logins that its target came with, its own and its bastions', and cannot be done again without", async () => {
    const own = (password: string) => ({ case: "secret" as const, value: { username: "ann", password } });
    const bastions = [{ address: "10.3.1.1", login: own("of the bastion") }];
    const place = { address: "10.3.1.2", platform: "cisco_ios", bastions };
    const { run } = await create({
      job: { operation: show("show clock") },
      targets: [
        { target: { case: "endpoint", value: { ...place, login: own("its own") } } },
        {
          target: {
            case: "endpoint",
            value: { ...place, address: "10.3.1.3", login: { case: "credential", value: "lab" } },
          },
        },
      ],
    });
    await eventually(async () => {
      expect((await api.store.jobs.list({ runs: [run!.id] }, { limit: 2 })).jobs).toHaveLength(2);
    });
    const identity = worker("logins");
    await api.store.leases.register(identity);
    const { claims } = await api.store.leases.claim(identity, 10, "logins");
    const told = claims.map(({ job, sealedSecret }) => {
      const { login, bastions: hops } = decodeLogins(api.sealer.open(sealedSecret!, jobPlace(job.id)));
      return [login?.password, hops[0]?.password];
    });
    for (const { job, fence } of claims) {
      await succeed(
        api.store,
        { zone: job.zone, worker: identity.name, job: job.id, endpoint: job.endpoint, fence },
        false,
      );
    }
    expect(told.sort()).toEqual([
      [undefined, "of the bastion"],
      ["its own", "of the bastion"],
    ]);
    const ended = async () => expect((await runs.getRun({ id: run!.id })).run?.state).toBe(RunState.SUCCEEDED);
    await eventually(ended);
    const again = runs.retryRun({ id: run!.id, requestId: "again", states: [RunTargetState.SUCCEEDED] });
    expect(await problemOf(again)).toMatchObject({ reason: "SECRET_ERASED" });
  });

  test("refuses what is wrong with all of it, with its field, and stores nothing", async () => {
    const job = { operation: show("show version") };
    const before = (await runs.listRuns({})).runs.length;
    for (const [spec, field] of [
      [{ devices: ["r0"] }, "run.job"],
      [{ job }, "run.devices"],
      [{ job, selector: {} }, "run.selector"],
      [{ job: { ...job, target: { case: "device", value: "r0" } }, devices: ["r0"] }, "run.job.device"],
      [{ job: { ...job, dedupeKey: "k" }, devices: ["r0"] }, "run.job.dedupe_key"],
      [{ job: { operation: show("a\nb") }, devices: ["r0"] }, "run.job.commands.commands[0].command"],
      [{ job: { ...job, priority: 1_000 }, devices: ["r0"] }, "run.job.priority"],
      [{ job, devices: ["r0"], rollout: { batch: { case: "batchPercent", value: 200 } } }, "run.rollout.batch_percent"],
      [{ job, devices: ["r0"], rollout: { holdAfterCanary: true } }, "run.rollout.hold_after_canary"],
      [{ job, devices: ["r0"], rollout: { pauseOnFailure: true } }, "run.rollout.pause_on_failure"],
      [{ job: { operation: program("echo 'x") }, allNodes: true }, "run.job.shell.command"],
      [
        { job, targets: [{ target: { case: "node", value: "n1" }, operation: program(" ") }] },
        "run.targets[0].shell.command",
      ],
    ] as const) {
      const problem = await problemOf(create(spec as MessageInitShape<typeof RunSpecSchema>));
      expect([field, problem.reason, problem.fields]).toEqual([field, "INVALID_REQUEST", [field]]);
    }
    expect((await problemOf(create({ job, selector: { zones: ["nowhere"] } }))).reason).toBe("NO_TARGETS");
    expect((await problemOf(create({ job, devices: ["nope"] }))).reason).toBe("NO_TARGETS");
    const changes = { job: { operation: show("clear counters") }, devices: ["r0"] };
    expect((await problemOf(create(changes))).reason).toBe("REQUEST_ID_REQUIRED");
    expect((await runs.listRuns({})).runs).toHaveLength(before);
  });

  test("refuses single targets by themselves; asked to, only says so, or refuses all", async () => {
    const spec = {
      devices: ["r0", "nope", "r0", "r1"],
      targets: [
        { target: { case: "device" as const, value: "r2" }, variables: { what: "clock" } },
        { target: { case: "device" as const, value: "r3" } },
        {
          target: {
            case: "endpoint" as const,
            value: { address: "10.9.9.9", platform: "odd", login: { case: "credential" as const, value: "lab" } },
          },
          variables: { what: "clock" },
        },
      ],
      job: { operation: show("show {{what}}") },
      variables: {},
    };
    const expected = [
      ["r0", "WORD_MISSING"],
      ["nope", "DEVICE_NOT_FOUND"],
      ["r0", "DUPLICATE_TARGET"],
      ["r1", "WORD_MISSING"],
      ["r3", "WORD_MISSING"],
      ["10.9.9.9:22", "UNKNOWN_PLATFORM"],
    ];
    const told = await create(spec, { validateOnly: true });
    expect(told.run).toMatchObject({ id: "", counts: { total: 7, pending: 1, rejected: 6 } });
    expect(told.rejections.map(({ target, reason }) => [target, reason])).toEqual(expected);
    expect((await problemOf(create(spec, { allOrNothing: true }))).reason).toBe("TARGETS_REJECTED");
    const { run, rejections } = await create(spec, { requestId: "words" });
    expect(rejections).toEqual(told.rejections);
    const again = await create(spec, { requestId: "words" });
    expect(again).toMatchObject({ replayed: true, run: { id: run?.id }, rejections });
    const other = { ...spec, devices: ["r0"] };
    expect((await problemOf(create(other, { requestId: "words" }))).reason).toBe("REQUEST_ID_REUSED");
    const { targets } = await runs.listRunTargets({ id: run!.id, states: [RunTargetState.REJECTED], pageSize: 2 });
    expect(targets.map(({ target, error }) => [target, error?.reason])).toEqual(expected.slice(0, 2));
    await cancel(run!.id);
  });
});

describe("the words of a run", () => {
  const told = async (run: MessageInitShape<typeof RunSpecSchema>) => {
    const { run: made } = await create({ ...run, devices: ["r0"] }, { requestId: `words-${Math.random()}` });
    const worker = await eventually(() => claimNext(api.store));
    await worker.end({ result: commandsResult({ command: "show", outputBytes: 0 }) });
    const { targets } = await runs.listRunTargets({ id: made!.id });
    return (await api.clients().jobs.getJob({ id: targets[0]!.jobId })).job!.spec!;
  };

  test.each(["constructor", "toString", "__proto__", "label.constructor"])(
    "have no value for what every object inherits: %s",
    async (word) => {
      const run = { job: { operation: show(`show {{${word}}}`) }, devices: ["r0"] };
      expect(await problemOf(create(run, { requestId: word }))).toMatchObject({ reason: "NO_TARGETS" });
      expect((await problemOf(create(run, { requestId: word }))).message).toContain("has no value");
    },
  );

  test.each([
    "{{a-b}}",
    "{{1a}}",
    "{{ größe }}",
    "{{site name}}",
    "{{label.}}",
    "{{site. x}}",
    "{{site {{device}}",
    "{{device",
    "{{device}",
    "x{{{a-b}}}",
  ])("are refused where they are malformed, and do not go to the device: %s", async (text) => {
    const refused = { reason: "INVALID_REQUEST", fields: ["run.job"] };
    const job = { operation: show(`show interface ${text} {{device}}`) };
    expect(await problemOf(create({ job, devices: ["r0"] }))).toMatchObject(refused);
    const labelled = { operation: show("show version"), labels: { site: text } };
    expect(await problemOf(create({ job: labelled, devices: ["r0"] }))).toMatchObject(refused);
    const own = { target: { case: "device", value: "r0" }, operation: show(text) } as const;
    const targets = [{ target: { case: "device", value: "r1" } } as const, own];
    const spec = { job: { operation: show("show version") }, targets };
    expect(await problemOf(create(spec))).toMatchObject({ ...refused, fields: ["run.targets[1]"] });
  });

  test("are no matter of templates that other tools have, nor of what a variable holds", async () => {
    const templates = "{{.Names}} {{json .}} {{range $i := .Items}} {{ if eq .State 1 -}} {{- end}}";
    const line = `docker ps --format '${templates}' {"a":{"b":{}}} {{{device}}} {{what}}`;
    const { operation } = await told({ job: { operation: show(line) }, variables: { what: "{{end}} {{a-b}}" } });
    expect(operation.value).toMatchObject({
      commands: [{ command: `docker ps --format '${templates}' {"a":{"b":{}}} {r0} {{end}} {{a-b}}` }],
    });
  });

  test("stay one argument of a program, whatever stands for them", () => {
    const job = message(JobSpecSchema, { operation: program("echo {{ who }} '{{who}}!' x{{who}}") });
    const { operation } = withWords(job, () => "it's  me");
    const words = ["echo", "it's  me", "it's  me!", "xit's  me"];
    expect(operation.value).toMatchObject({ program: { case: "argv", value: { words } } });
  });

  test("are replaced in a label whatever its name", async () => {
    const { labels } = await told({
      job: { operation: show("show version"), labels: { case: "{{device}}", ticket: "{{device}}" } },
    });
    expect(labels).toEqual({ case: "r0", ticket: "r0" });
  });
});

describe("doing a run again", () => {
  test("leaves out what the run named twice: its work was done where it stands first", async () => {
    const { run } = await create({ devices: ["r0", "r0", "nope"], job: { operation: show("show version") } });
    const worker = await eventually(() => claimNext(api.store));
    await worker.end({ result: commandsResult({ command: "show version", outputBytes: 0 }) });
    await eventually(async () => expect((await runs.getRun({ id: run!.id })).run?.state).toBe(RunState.PARTIAL));
    expect((await problemOf(runs.retryRun({ id: run!.id }))).message).toContain("no device nope");
  });

  test("under one request id does one run again, once, whatever of it is left to do by then", async () => {
    const run = { devices: ["r0", "r1"], job: { operation: show("clear counters") } };
    const { run: one } = await create(run, { requestId: "one" });
    const error = { reason: "DEVICE_REJECTED", message: "no" };
    for (const verdict of ["FAILED", "INDETERMINATE"] as const) {
      const worker = await eventually(() => claimNext(api.store));
      await worker.end({ verdict, error, effect: "PARTIAL" });
    }
    await eventually(async () => expect((await runs.getRun({ id: one!.id })).run?.state).toBe(RunState.INDETERMINATE));
    const again = await runs.retryRun({ id: one!.id, requestId: "again" });
    expect(again).toMatchObject({ replayed: false, run: { retryOf: one!.id, counts: { total: 1 } } });
    const { jobs } = await api
      .clients()
      .jobs.listJobs({ filter: { runs: [one!.id], states: [JobState.INDETERMINATE] } });
    await api.clients().jobs.resolveJob({ id: jobs[0]!.id, kind: ResolutionKind.NOT_APPLIED, reason: "looked" });
    const repeated = await runs.retryRun({ id: one!.id, requestId: "again" });
    expect(repeated).toMatchObject({ replayed: true, run: { id: again.run!.id } });
    await cancel(again.run!.id);
    const ofAnother = runs.retryRun({ id: again.run!.id, requestId: "again" });
    expect((await problemOf(ofAnother)).reason).toBe("REQUEST_ID_REUSED");
  });
});

describe("resuming a run", () => {
  const spec = (rollout: object) => ({
    devices: ["r0", "r1", "r2"],
    job: { operation: show("show version") },
    rollout: { canary: 1, ...rollout },
  });
  const failCanary = async () => {
    const worker = await eventually(() => claimNext(api.store));
    return () => worker.end({ verdict: "FAILED", effect: "NONE", error: { reason: "DEVICE_REJECTED", message: "no" } });
  };
  const isIn = (id: string, state: RunState) =>
    eventually(async () => expect((await runs.getRun({ id })).run?.state).toBe(state));

  test("does not accept what failed while somebody had paused it", async () => {
    const { run } = await create(spec({}));
    const fail = await failCanary();
    await runs.pauseRun({ id: run!.id });
    await fail();
    await eventually(async () => expect((await runs.getRun({ id: run!.id })).run?.counts?.failed).toBe(1));
    await runs.resumeRun({ id: run!.id });
    await isIn(run!.id, RunState.FAILED);
    expect((await runs.getRun({ id: run!.id })).run).toMatchObject({ counts: { failed: 1, untouched: 2 } });
  });

  test("accepts it where the run paused itself for it", async () => {
    const { run } = await create(spec({ pauseOnFailure: true }));
    await (
      await failCanary()
    )();
    await isIn(run!.id, RunState.PAUSED);
    await runs.resumeRun({ id: run!.id });
    for (let i = 0; i < 2; i++) {
      const worker = await eventually(() => claimNext(api.store));
      await worker.end({ result: commandsResult({ command: "show version", outputBytes: 0 }) });
    }
    await isIn(run!.id, RunState.PARTIAL);
  });
});

describe("watching a run", () => {
  test("tells every end, goes on behind a cursor, and compares outputs with another run", async () => {
    const once = async (text: string) => {
      const { run } = await create({ selector: { labels: { site: "fra" } }, job: { operation: show("show version") } });
      for (let i = 0; i < 3; i++) await answer(text);
      return run!.id;
    };
    const first = await once("1.0\n");
    const seen: string[] = [];
    let cursor = "";
    for await (const { item, cursor: at } of runs.watchRun({ id: first })) {
      seen.push(item.case === "targetEnded" ? (item.value.target?.target ?? "") : (item.case ?? ""));
      if (item.case === "targetEnded" && seen.filter((one) => /^r\d$/.test(one)).length === 2) cursor = at;
    }
    expect(seen.filter((one) => /^r\d$/.test(one)).sort()).toEqual(["r0", "r1", "r2"]);
    expect(seen[0]).toBe("run");
    expect(seen).toContain("synced");
    const rest: (string | undefined)[] = [];
    for await (const { item } of runs.watchRun({ id: first, cursor })) rest.push(item.case);
    expect(rest.filter((one) => one === "targetEnded")).toHaveLength(1);

    const second = await once("2.0\n");
    await eventually(async () => expect((await runs.getRun({ id: second })).run?.state).toBe(RunState.SUCCEEDED));
    const compareWith = { case: "run" as const, value: first };
    const { outputs, comparedWith, nextPageToken } = await runs.getRunOutputs({ id: second, pageSize: 2, compareWith });
    expect(comparedWith).toBe(first);
    expect(outputs).toHaveLength(2);
    expect(outputs[0]?.compared).toBe(true);
    expect(outputs[0]?.diff).toContain("-1.0\n+2.0\n");
    const page = await runs.getRunOutputs({ id: second, pageSize: 2, pageToken: nextPageToken, compareWith });
    expect(page.outputs).toHaveLength(1);
    expect((await problemOf(runs.retryRun({ id: second }))).reason).toBe("NO_TARGETS");
    expect((await problemOf(runs.pauseRun({ id: second }))).reason).toBe("RUN_FINAL");
    expect((await problemOf(runs.getRun({ id: "0".repeat(26) }))).reason).toBe("RUN_NOT_FOUND");
  });

  test("compares a device's outputs with that device's, not with those of a node of its name", async () => {
    const node = { target: { case: "node" as const, value: "r0" }, operation: program("date") };
    const device = { target: { case: "device" as const, value: "r0" } };
    const once = async (targets: MessageInitShape<typeof RunTargetSchema>[], text: string) => {
      const { run } = await create({ targets, job: { operation: show("show version") } });
      await answer(text);
      return run!.id;
    };
    const [before, after] = [await once([node, device], "1.0\n"), await once([device], "2.0\n")];
    const { outputs } = await runs.getRunOutputs({ id: after, compareWith: { case: "run", value: before } });
    expect(outputs[0]?.diff).toContain("-1.0\n+2.0\n");
  });

  test("tells outputs that are no longer kept from empty ones, and compares nothing with them", async () => {
    const run = { devices: ["r0"], job: { operation: show("show version") } };
    const schedule = message(ScheduleSchema, { name: "hourly", run, when: { case: "every", value: "every 1 hours" } });
    await schedules.createSchedule({ schedule });
    const once = async () => {
      const { run: id } = await schedules.triggerSchedule({ name: "hourly", requestId: `press-${Math.random()}` });
      await answer("1.0\n");
      await eventually(async () => expect((await runs.getRun({ id })).run?.state).toBe(RunState.SUCCEEDED));
      return id;
    };
    const rule = { succeededMs: 86_400_000, failedMs: 86_400_000, jobs: 1_000_000 };
    await once();
    expect(await api.store.upkeep.retain("default", { ...rule, outputBytes: 0 })).toBeGreaterThan(0);
    const last = await once();
    const compared = await runs.getRunOutputs({ id: last, compareWith: { case: "previous", value: true } });
    expect(compared.outputs).toMatchObject([{ missing: "", compared: false, diff: "" }]);

    const latest = () => schedules.getLatestOutput({ name: "hourly", partial: true });
    expect((await latest()).outputs).toMatchObject([{ target: "r0", stdout: "1.0\n" }]);
    await api.store.upkeep.retain("default", { ...rule, outputBytes: 0 });
    const gone = { target: "r0", reason: "its output is no longer kept: it was removed to make room" };
    expect(await latest()).toMatchObject({ outputs: [], missing: [gone] });
    await api.store.upkeep.retain("default", { ...rule, jobs: 0, outputBytes: 0 });
    expect((await latest()).missing).toMatchObject([{ target: "r0", reason: "its job is no longer kept" }]);
    while ((await api.store.runs.retain({ succeededMs: 0, failedMs: 0 })) > 0);
    expect(await problemOf(latest())).toMatchObject({
      ...{ reason: "RUN_NOT_FOUND", message: expect.stringContaining("no longer kept") as string },
      metadata: { schedule: "hourly", run: last },
    });
  });
});
