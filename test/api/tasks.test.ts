import { create, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { EffectClass, JobEventKind, JobState, JobTypeOrder } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TaskType } from "../../src/domain/task-type.js";
import { skillsOf } from "../../src/domain/work-place.js";
import { type Clients, claimNext, startTestApi, type TestApi } from "../support/api-server.js";
import { worker } from "../support/jobs.js";
import { problemOf } from "./problems.js";

const schema = {
  type: "object",
  properties: {
    interface: { type: "string", minLength: 1 },
    ports: { type: "array", items: { type: "object", properties: { name: { enum: ["a", "b"] } }, required: ["name"] } },
  },
  required: ["interface"],
  additionalProperties: false,
};

/** A file with one message, `lab.Input { string site = 1; Inner inner = 2; }`, as a compiler of protobuf gives it. */
function messageFiles(): string {
  const field = (name: string, number: number, more: object) => ({
    ...{ name, number, jsonName: name, label: FieldDescriptorProto_Label.OPTIONAL, ...more },
  });
  const file = create(FileDescriptorProtoSchema, {
    ...{ name: "lab.proto", package: "lab", syntax: "proto3" },
    messageType: [
      create(DescriptorProtoSchema, {
        name: "Input",
        field: [
          field("site", 1, { type: FieldDescriptorProto_Type.STRING }),
          field("count", 2, { type: FieldDescriptorProto_Type.UINT32 }),
        ],
      }),
    ],
  });
  return Buffer.from(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }))).toString(
    "base64",
  );
}

const types: readonly TaskType[] = [
  {
    name: "port.audit",
    description: "Audits the ports of a switch",
    labels: { team: "lan" },
    input: { kind: "json", schema: JSON.stringify(schema) },
    ...{ delivery: "READ_ONLY", maxDeferrals: 3 },
  },
  {
    name: "site.drain",
    description: "Drains a site",
    labels: { team: "wan" },
    input: { kind: "message", type: "lab.Input", files: messageFiles() },
    ...{ delivery: "AT_MOST_ONCE", maxDeferrals: 0 },
  },
];

let api: TestApi;
let clients: Clients;
beforeAll(async () => {
  api = await startTestApi();
  clients = api.clients();
  const named = (tasks: readonly TaskType[]) =>
    skillsOf(
      "n",
      tasks.map(({ name }) => name),
    );
  await api.store.leases.register({ ...worker("both"), node: "n", skills: named(types), tasks: types });
  await api.store.ensureZone("edge");
  const [audit] = types;
  await api.store.leases.register({ ...worker("one", "edge"), node: "n", skills: named([audit!]), tasks: [audit!] });
});
afterAll(() => api.close());

const task = (type: string, input?: JsonValue, more: object = {}) => ({
  ...{
    operation: { case: "task", value: { type, ...(input !== undefined && { input: fromJson(ValueSchema, input) }) } },
  },
  ...more,
});
const ask = (type: string, input?: JsonValue, more: object = {}) =>
  clients.jobs.createJob({ job: task(type, input, more) as never, requestId: crypto.randomUUID() });

describe("a task", () => {
  test("is accepted with an input that fits, in the class that its type declares", async () => {
    const { job } = await ask("port.audit", { interface: "Gi0/1", ports: [{ name: "a" }] });
    expect(job).toMatchObject({ effectClass: EffectClass.READ_ONLY, zone: "default", state: JobState.QUEUED });
    expect(job?.spec?.queue).toBe("fifo");
    const change = await ask("site.drain", { site: "fra" });
    expect(change.job?.effectClass).toBe(EffectClass.AT_MOST_ONCE);
    const { jobs } = await clients.jobs.listJobs({ filter: { tasks: ["site.drain"] } });
    expect(jobs.map(({ id }) => id)).toEqual([change.job?.id]);
    const found = await clients.jobs.listJobs({ filter: { text: "gi0/1" } });
    expect(found.jobs.map(({ id }) => id)).toEqual([job?.id]);
  });

  test.each([
    ["port.audit", undefined, "job.task.input.interface"],
    ["port.audit", { interface: "" }, "job.task.input.interface"],
    ["port.audit", { interface: "x", prots: [] }, "job.task.input.prots"],
    ["port.audit", { interface: "x", ports: [{ name: "a" }, { name: "c" }] }, "job.task.input.ports[1].name"],
    ["port.audit", { interface: "x", "a/b": 1 }, 'job.task.input["a/b"]'],
    ["port.audit", "text", "job.task.input"],
    ["site.drain", { site: 7 }, "job.task.input.site"],
    ["site.drain", { town: "x" }, "job.task.input.town"],
    ["port.audit", { interface: "x".repeat(300_000) }, "job.task.input"],
  ] as [string, JsonValue | undefined, string][])(
    "%s with %j is refused, and nothing is stored",
    async (type, input, field) => {
      const before = (await clients.jobs.countJobs({})).total;
      expect(await problemOf(ask(type, input))).toMatchObject({
        ...{ code: "InvalidArgument", reason: "INVALID_REQUEST", fields: [field] },
      });
      expect((await clients.jobs.countJobs({})).total).toBe(before);
    },
  );

  test("that no worker of its zone has loaded is refused, with the zones where one has", async () => {
    expect(await problemOf(ask("no.such"))).toMatchObject({ code: "NotFound", reason: "TASK_TYPE_NOT_FOUND" });
    const there = await problemOf(ask("site.drain", { site: "fra" }, { zone: "edge" }));
    expect(there).toMatchObject({ reason: "TASK_TYPE_NOT_FOUND", metadata: { zone: "edge", zones: "default" } });
    const { job } = await ask("port.audit", { interface: "x" }, { zone: "edge" });
    expect(job?.zone).toBe("edge");
  });

  test("needs a request id when it is at-most-once work", async () => {
    const job = task("site.drain", { site: "fra" }) as never;
    expect(await problemOf(clients.jobs.createJob({ job }))).toMatchObject({ reason: "REQUEST_ID_REQUIRED" });
  });
});

describe("types of tasks", () => {
  const names = async (request: object) => (await clients.jobs.listJobTypes(request)).types.map(({ name }) => name);

  test("are listed with schema, class and workers", async () => {
    const [audit, drain] = (await clients.jobs.listJobTypes({})).types;
    expect(audit).toMatchObject({
      ...{ name: "port.audit", description: "Audits the ports of a switch", labels: { team: "lan" } },
      ...{ delivery: EffectClass.READ_ONLY, maxDeferrals: 3 },
      workers: [
        { worker: "both", zone: "default" },
        { worker: "one", zone: "edge" },
      ],
    });
    expect(JSON.parse(audit?.input?.schema.value as string)).toEqual(schema);
    expect(drain?.input?.schema).toMatchObject({ case: "message", value: { typeName: "lab.Input" } });
    expect(drain?.output?.schema.case).toBeUndefined();
  });

  test("are filtered by name, label, zone and text, sorted, and paged", async () => {
    expect(await names({ names: ["site.drain"] })).toEqual(["site.drain"]);
    expect(await names({ labels: { team: "lan" } })).toEqual(["port.audit"]);
    expect(await names({ text: "DRAINS" })).toEqual(["site.drain"]);
    expect(await names({ zones: ["edge"] })).toEqual(["port.audit"]);
    expect(await names({ orderBy: JobTypeOrder.LOADED })).toEqual(["port.audit", "site.drain"]);
    const first = await clients.jobs.listJobTypes({ pageSize: 1 });
    expect(first.types.map(({ name }) => name)).toEqual(["port.audit"]);
    const second = await clients.jobs.listJobTypes({ pageSize: 1, pageToken: first.nextPageToken });
    expect([second.types[0]?.name, second.nextPageToken]).toEqual(["site.drain", ""]);
    const other = clients.jobs.listJobTypes({ pageSize: 1, pageToken: first.nextPageToken, text: "x" });
    expect(await problemOf(other)).toMatchObject({ reason: "INVALID_PAGE_TOKEN" });
  });
});

describe("events of some kinds", () => {
  test("are listed and watched alone, to the job's end", async () => {
    const { job } = await clients.jobs.createJob({
      job: {
        target: {
          case: "endpoint",
          value: { address: "10.9.9.9", platform: "linux", login: { case: "secret", value: { username: "u" } } },
        },
        operation: { case: "probe", value: {} },
      } as never,
    });
    const { id } = job!;
    let scripted = await claimNext(api.store);
    while (scripted.holder.job !== id) scripted = await claimNext(api.store);
    await scripted.print(1, "noise");
    await scripted.facts(
      { kind: "progress", percent: 50, message: "half" },
      { kind: "log", level: "error", message: "bad" },
    );
    await scripted.end({});
    const kinds = [JobEventKind.PROGRESS, JobEventKind.LOG];
    const { events, nextPageToken } = await clients.jobs.listJobEvents({ id, kinds });
    expect(events.map(({ event }) => event)).toMatchObject([
      { case: "progress", value: { percent: 50, message: "half" } },
      { case: "log", value: { level: "error", message: "bad" } },
    ]);
    expect(nextPageToken).toBe("");
    const first = await clients.jobs.listJobEvents({ id, kinds, pageSize: 1 });
    const rest = await clients.jobs.listJobEvents({ id, kinds, pageSize: 1, pageToken: first.nextPageToken });
    expect([first.events[0]?.event.case, rest.events[0]?.event.case]).toEqual(["progress", "log"]);
    const seen = [];
    for await (const { item } of clients.jobs.watchJob({ id, kinds })) {
      if (item.case === "event") seen.push(item.value.event.case);
    }
    expect(seen).toEqual(["progress", "log"]);
  });
});
