import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  CommandAction,
  JobService,
  PolicyService,
  ResolutionKind,
  RunService,
  ScheduleService,
} from "@pointsman/sdk/v1";
import { claimNext, startTestApi, type TestApi } from "../support/api-server.js";
import { problemOf } from "./problems.js";

let api: TestApi;
const keys = { operator: "", admin: "" };
beforeAll(async () => {
  api = await startTestApi({ withKey: true });
  for (const role of ["operator", "admin"] as const) keys[role] = await api.key(role);
});
afterAll(() => api.close());

function as(role: "operator" | "admin") {
  const transport: Transport = createConnectTransport({
    baseUrl: api.baseUrl,
    httpVersion: "2",
    interceptors: [
      (next) => (request) => {
        request.header.set("x-api-key", keys[role]);
        return next(request);
      },
    ],
  });
  return {
    jobs: createClient(JobService, transport),
    runs: createClient(RunService, transport),
    schedules: createClient(ScheduleService, transport),
    policies: createClient(PolicyService, transport),
  };
}

let last = 0;
const requestId = (): string => `r${++last}`;
const endpoint = () => {
  const login = { case: "secret" as const, value: { username: "u", password: "p" } };
  return { address: `10.2.0.${++last}`, platform: "cisco_ios", login };
};
const commands = (...lines: string[]) => ({
  case: "commands" as const,
  value: { commands: lines.map((command) => ({ command })) },
});
const jobOf = (operation: object, more: object = {}) => ({
  target: { case: "endpoint" as const, value: endpoint() },
  operation: operation as ReturnType<typeof commands>,
  ...more,
});
const create = (role: "operator" | "admin", operation: object, more: object = {}) =>
  as(role).jobs.createJob({ job: jobOf(operation, more), requestId: requestId() });

describe("a job with a denied command is refused when it is created", () => {
  test.each([
    ["reload", "reload"],
    ["rel", "reload"],
    ["  RELOA in 5", "reload"],
    ["wr er", "write erase"],
    ["do erase startup-config", "erase"],
  ])("%j", async (line, pattern) => {
    const seen = await problemOf(create("admin", commands("show version", line)));
    expect(seen).toMatchObject({ code: "PermissionDenied", reason: "COMMAND_DENIED" });
    expect(seen.fields).toEqual(["job.commands.commands[1].command"]);
    expect(seen.metadata).toMatchObject({ rule: "built_in", pattern });
    expect(seen.message).toContain("lifted_commands");
  });

  test("and one whose line cannot be typed, though an answer can hold what asks for help", async () => {
    const answers = [{ question: "sure?", answer: "?" }];
    const asked = { case: "commands", value: { commands: [{ command: "copy a b", answers }] } };
    const seen = await problemOf(create("admin", commands("show version", "show ?")));
    expect(seen).toMatchObject({ code: "InvalidArgument", fields: ["job.commands.commands[1].command"] });
    expect((await create("admin", asked)).job).toBeDefined();
  });

  test("in an answer to a question", async () => {
    const value = { commands: [{ command: "copy a b", answers: [{ question: "R1#", answer: "reload" }] }] };
    const seen = await problemOf(create("admin", { case: "commands", value }));
    expect(seen.fields).toEqual(["job.commands.commands[0].answers[0].answer"]);
  });

  test("in lines and in the text of a configuration, its checks and what saves it; a RECONCILE sends none", async () => {
    const check = [{ command: "show reload" }];
    const configure = (value: object) => ({ case: "configure", value });
    const lines = { case: "lines", value: { lines: ["ip routing", "do rel"] } };
    expect((await problemOf(create("admin", configure({ input: lines })))).fields).toEqual([
      "job.configure.lines.lines[1]",
    ]);
    const text = { case: "text", value: "ip routing\nno ip route 10.0.0.0 255.0.0.0 Null0\ndo rel\n" };
    const seen = await problemOf(create("admin", configure({ input: text, mode: 1 })));
    expect(seen.fields).toEqual(["job.configure.text"]);
    expect(seen.message).toContain("line 3");
    await create("admin", configure({ input: lines, mode: 4 }));

    const { policies } = as("admin");
    const rule = { name: "no-save", action: CommandAction.DENY, patterns: ["write memory", "show reload"] };
    await policies.createCommandRule({ rule });
    try {
      const harmless = { case: "lines", value: { lines: ["ip routing"] } };
      const saved = await problemOf(create("admin", configure({ input: harmless, save: true, preChecks: check })));
      expect(saved.fields).toEqual(["job.configure.pre_checks[0].command", "job.configure.save"]);
      expect(saved.metadata).toMatchObject({ rule: "no-save" });
    } finally {
      await policies.deleteCommandRule({ name: "no-save" });
    }
  });

  test("in a batch, for the item alone; in a run, for every target", async () => {
    const { results } = await as("admin").jobs.batchCreateJobs({
      jobs: [jobOf(commands("reload")), jobOf(commands("show version"))],
      requestId: requestId(),
    });
    expect(results.map(({ result }) => result.case)).toEqual(["error", "job"]);
    const run = {
      targets: [{ target: { case: "endpoint" as const, value: endpoint() } }],
      job: { operation: commands("relo") },
    };
    const seen = await problemOf(as("admin").runs.createRun({ run, requestId: requestId() }));
    expect(seen).toMatchObject({ reason: "NO_TARGETS", metadata: { reason: "COMMAND_DENIED" } });
  });
});

describe("lifting", () => {
  const lifted = { liftedCommands: ["reload"] };

  test("is for admins alone, in jobs, batches, runs and schedules, and when they are done again", async () => {
    const operator = as("operator");
    const refused = { code: "PermissionDenied", reason: "PERMISSION_DENIED" };
    const seen = await problemOf(create("operator", commands("reload"), lifted));
    expect(seen).toMatchObject({ ...refused, fields: ["job.lifted_commands"] });
    const job = jobOf(commands("reload"), lifted);
    const { results } = await operator.jobs.batchCreateJobs({ jobs: [job], requestId: requestId() });
    expect(results[0]?.result.value).toMatchObject({ reason: "PERMISSION_DENIED" });
    const run = {
      targets: [{ target: { case: "endpoint" as const, value: endpoint() } }],
      job: { operation: commands("reload"), ...lifted },
    };
    expect(await problemOf(operator.runs.createRun({ run, requestId: requestId() }))).toMatchObject(refused);
    const schedule = {
      name: "nightly",
      when: { case: "cron" as const, value: "0 3 * * *" },
      run: { devices: ["r1"], job: { operation: commands("reload"), ...lifted } },
    };
    expect(await problemOf(operator.schedules.createSchedule({ schedule, requestId: requestId() }))).toMatchObject(
      refused,
    );
    await as("admin").schedules.createSchedule({ schedule, requestId: requestId() });
    const update = { schedule: { name: "nightly", description: "x" }, updateMask: { paths: ["description"] } };
    expect(await problemOf(operator.schedules.updateSchedule(update))).toMatchObject(refused);
    const trigger = { name: "nightly", requestId: requestId() };
    expect(await problemOf(operator.schedules.triggerSchedule(trigger))).toMatchObject(refused);
    const [from, to] = [{ seconds: 1_700_000_000n }, { seconds: 1_700_086_400n }];
    expect(await problemOf(operator.schedules.backfillSchedule({ name: "nightly", from, to }))).toMatchObject(refused);
  });

  test("lets the job of an admin through, and is asked for again by whoever does it again", async () => {
    await api.store.ensureZone("default");
    const login = { username: "u", password: "p" };
    const admin = api.clients(adminTransport());
    await admin.credentials.createCredential({ name: "lab", login });
    const place = { address: "10.3.0.1", platform: "cisco_ios", credential: "lab" };
    await admin.devices.createDevice({ device: { name: "r1", ...place } });
    const wish = { target: { case: "device" as const, value: "r1" }, operation: commands("reload"), ...lifted };
    const { job } = await as("admin").jobs.createJob({ job: wish, requestId: requestId() });
    expect(job?.spec?.liftedCommands).toEqual(["reload"]);
    // Until here other jobs wait in lines of their own.
    for (;;) {
      const played = await claimNext(api.store);
      if (played.holder.job !== job?.id) {
        await played.end({});
        continue;
      }
      await played.end({ verdict: "INDETERMINATE", error: { reason: "DISCONNECTED", message: "gone" } });
      break;
    }
    const { id } = job;
    const again = as("operator").jobs.resolveJob({ id, kind: ResolutionKind.RERUN, reason: "again" });
    expect(await problemOf(again)).toMatchObject({ reason: "PERMISSION_DENIED" });
    await as("operator").jobs.resolveJob({ id, kind: ResolutionKind.NOT_APPLIED, reason: "looked" });
    const retried = as("operator").jobs.retryJob({ id, requestId: requestId() });
    expect(await problemOf(retried)).toMatchObject({ reason: "PERMISSION_DENIED" });
    await as("admin").jobs.retryJob({ id, requestId: requestId() });
  });

  const adminTransport = () =>
    createConnectTransport({
      baseUrl: api.baseUrl,
      httpVersion: "2",
      interceptors: [
        (next) => (request) => {
          request.header.set("x-api-key", keys.admin);
          return next(request);
        },
      ],
    });
});

test("a schedule whose run holds a denied command starts no run, and says why", async () => {
  const { schedules } = as("admin");
  const when = { case: "cron" as const, value: "0 3 * * *" };
  const schedule = { name: "denied", when, run: { devices: ["r1"], job: { operation: commands("wr er") } } };
  await schedules.createSchedule({ schedule, requestId: requestId() });
  const seen = await problemOf(schedules.triggerSchedule({ name: "denied", requestId: requestId() }));
  expect(seen).toMatchObject({ reason: "RUN_REFUSED", metadata: { reason: "NO_TARGETS" } });
  expect(seen.message).toContain("write erase");
});

test("whoever changes what a schedule runs has it run in their own name", async () => {
  const [admin, operator] = [as("admin").schedules, as("operator").schedules];
  const when = { case: "cron" as const, value: "0 3 * * *" };
  const runOf = (line: string) => ({ devices: ["r1"], job: { operation: commands(line) } });
  await admin.createSchedule({ schedule: { name: "shared", when, run: runOf("clear counters") } });
  const update = async (schedule: object, ...paths: string[]) =>
    (await operator.updateSchedule({ schedule: { name: "shared", ...schedule }, updateMask: { paths } })).schedule;
  expect(await update({ description: "theirs" }, "description")).toMatchObject({ creator: "admin-key" });
  expect(await update({ run: runOf("clear counters") }, "run")).toMatchObject({ creator: "admin-key" });
  expect(await update({ run: runOf("clear bgp *") }, "run")).toMatchObject({ creator: "operator-key" });
  await admin.deleteSchedule({ name: "shared" });
});

describe("command rules", () => {
  const { DENY, ALLOW } = CommandAction;

  test("are made, listed and forgotten, by admins", async () => {
    const { policies } = as("admin");
    const rule = {
      ...{ name: "bgp", action: DENY, patterns: ["clear bgp"], except: ["clear bgp * soft"], reason: "change board" },
      ...{ platforms: ["cisco_ios"], callers: ["operator-key"], scope: { labels: { site: "fra" } } },
    };
    expect(await problemOf(as("operator").policies.createCommandRule({ rule }))).toMatchObject({
      reason: "PERMISSION_DENIED",
    });
    const made = await policies.createCommandRule({ rule });
    expect(made.rule).toMatchObject({ ...rule, owner: "admin-key" });
    expect((await as("operator").policies.listCommandRules({})).rules).toEqual([made.rule]);
    expect(await problemOf(policies.createCommandRule({ rule }))).toMatchObject({ reason: "POLICY_EXISTS" });
    await policies.deleteCommandRule({ name: "bgp" });
    expect(await problemOf(policies.deleteCommandRule({ name: "bgp" }))).toMatchObject({ reason: "POLICY_NOT_FOUND" });
  });

  test.each([
    [{ patterns: [] }, ["rule.patterns"]],
    [{ patterns: ["re(lo)ad"] }, ["rule.patterns[0]"]],
    [{ patterns: ["x"], except: [" "] }, ["rule.except[0]"]],
    [{ patterns: ["x"], action: 0 }, ["rule.action"]],
    [{ patterns: ["x"], platforms: ["ios"] }, ["rule.platforms[0]"]],
    [{ patterns: ["x"], scope: { devices: ["nope"] } }, ["rule.scope.devices[0]"]],
  ])("%j names what is wrong: %j", async (part, fields) => {
    const call = as("admin").policies.createCommandRule({ rule: { name: "bad", action: DENY, ...part } as never });
    expect(await problemOf(call)).toMatchObject({ reason: "INVALID_REQUEST", fields });
  });

  test("hold from the moment they are made, for whom they name, and cannot be lifted", async () => {
    const { policies } = as("admin");
    const rule = { name: "no-bgp", action: DENY, patterns: ["clear bgp"], callers: ["operator-key"], reason: "ask us" };
    await policies.createCommandRule({ rule });
    const seen = await problemOf(create("operator", commands("cl bg *")));
    expect(seen).toMatchObject({ reason: "COMMAND_DENIED", metadata: { rule: "no-bgp", pattern: "clear bgp" } });
    expect(seen.message).toContain("ask us");
    await create("admin", commands("clear bgp *"));
    await policies.deleteCommandRule({ name: "no-bgp" });
    await create("operator", commands("clear bgp *"));
  });

  test("allow what the platform denies, for whom they name", async () => {
    const { policies } = as("admin");
    const rule = { name: "noc", action: ALLOW, patterns: ["rel(oad)"], callers: ["operator-key"] };
    await policies.createCommandRule({ rule });
    await create("operator", commands("reload in 5"));
    expect(await problemOf(create("operator", commands("re")))).toMatchObject({ reason: "COMMAND_DENIED" });
    expect(await problemOf(create("admin", commands("reload")))).toMatchObject({ reason: "COMMAND_DENIED" });
    await policies.deleteCommandRule({ name: "noc" });
    expect(await problemOf(create("operator", commands("reload")))).toMatchObject({ reason: "COMMAND_DENIED" });
  });
});
