import { create, type DescField, type DescMessage, type DescMethod, toBinary } from "@bufbuild/protobuf";
import {
  type FieldRules,
  Ignore,
  field as fieldRules,
  oneof as oneofRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { getOption, hasOption } from "@bufbuild/protobuf";
import { BadRequestSchema, DeviceService, JobService } from "@pointsman/sdk/v1";
import { ConnectError } from "@connectrpc/connect";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { describe, expect, test } from "vitest";
import { validateRequest } from "../../src/api/calls/validate-request.js";
import { contractServices } from "../support/contract-services.js";

const methods: DescMethod[] = contractServices.flatMap((service) => service.methods);

/** A request with one field wrong, and the path that must be named. */
interface BadRequest {
  readonly method: DescMethod;
  readonly path: string;
  readonly what: string;
  readonly build: () => ReflectMessage;
}

/** Walks every field of every request message, and spoils each that has a rule in every way its rule forbids. */
function* badRequests(): Generator<BadRequest> {
  for (const method of methods) {
    yield* spoilt(method, method.input, "", () => {
      const root = reflect(method.input, create(method.input));
      return { root, leaf: root };
    });
  }
}

type Build = () => { readonly root: ReflectMessage; readonly leaf: ReflectMessage };

function* spoilt(method: DescMethod, desc: DescMessage, prefix: string, build: Build): Generator<BadRequest> {
  if (desc.typeName.startsWith("google.protobuf.")) return;
  const bad = (path: string, what: string, spoil: (leaf: ReflectMessage) => void): BadRequest => ({
    ...{ method, path, what },
    build() {
      const { root, leaf } = build();
      spoil(leaf);
      return root;
    },
  });
  for (const one of desc.oneofs) {
    if (hasOption(one, oneofRules) && getOption(one, oneofRules).required) {
      yield bad(`${prefix}${one.name}`, "none of the choices", () => undefined);
    }
  }
  for (const field of desc.fields) {
    const path = `${prefix}${field.name}`;
    const rules = hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
    // The work of a run is held to its rules when the words are in it.
    if (rules?.ignore === Ignore.ALWAYS) continue;
    for (const [what, value, place = ""] of rules ? wrongValues(field, rules) : []) {
      yield bad(`${path}${place}`, what, (leaf) => setField(leaf, field, value));
    }
    if (field.fieldKind === "message") {
      yield* spoilt(method, field.message, `${path}.`, () => {
        const { root, leaf } = build();
        const inner = reflect(field.message, create(field.message));
        leaf.set(field, inner);
        return { root, leaf: inner };
      });
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      const item = field.message;
      yield* spoilt(method, item, `${path}[0].`, () => {
        const { root, leaf } = build();
        const inner = reflect(item, create(item));
        leaf.get(field).add(inner);
        return { root, leaf: inner };
      });
    }
  }
}

type Wrong = readonly [what: string, value: unknown, place?: string];

function* wrongValues(field: DescField, rules: FieldRules): Generator<Wrong> {
  if (rules.required) yield ["missing", undefined];
  const { type } = rules;
  switch (type.case) {
    case "string":
      if (type.value.maxLen > 0n) yield ["too long", "a".repeat(Number(type.value.maxLen) + 1)];
      if (type.value.minLen > 0n) yield ["empty", ""];
      if (type.value.pattern) yield ["out of its pattern", "\u0001 \n"];
      if (type.value.wellKnown.case === "address") yield ["no address", "not an address"];
      yield ["not well-formed", "a\ud800"];
      break;
    case "uint32":
    case "int32":
      if (type.value.lessThan.case === "lte") yield ["too large", type.value.lessThan.value + 1];
      if (type.value.greaterThan.case === "gte" && type.value.greaterThan.value > 1) {
        yield ["too small", type.value.greaterThan.value - 1];
      } else if (type.value.greaterThan.case === "gte" && type.value.greaterThan.value < 0) {
        yield ["too small", type.value.greaterThan.value - 1];
      }
      break;
    case "enum":
      yield ["undefined", 99];
      if (type.value.notIn.includes(0)) yield ["unspecified", 0];
      break;
    case "duration": {
      const { lessThan, greaterThan } = type.value;
      if (lessThan.case === "lte") yield ["too long", { seconds: lessThan.value.seconds + 1n, nanos: 0 }];
      if (greaterThan.case) yield ["too short", { seconds: -1n, nanos: 0 }];
      yield ["of mixed signs", { seconds: 1n, nanos: -1 }];
      break;
    }
    case "repeated": {
      if (type.value.minItems > 0n) yield ["empty", []];
      const count = Number(type.value.maxItems);
      if (count > 0) yield ["too many", Array.from({ length: count + 1 }, () => goodItem(field))];
      if (type.value.items) {
        for (const [what, value] of wrongValues(field, type.value.items)) yield [`item ${what}`, [value], "[0]"];
      }
      break;
    }
    case "map":
      if (type.value.maxPairs > 0n) {
        const pairs = Array.from({ length: Number(type.value.maxPairs) + 1 }, (_, index) => [`k${index}`, "v"]);
        yield ["too many", Object.fromEntries(pairs)];
      }
      if (type.value.keys) yield ["key out of its pattern", { "-": "v" }, '["-"]'];
      if (type.value.values?.type.case === "string") {
        yield ["value too long", { k: "v".repeat(Number(type.value.values.type.value.maxLen) + 1) }, '["k"]'];
      }
      break;
    default:
      break;
  }
}

function goodItem(field: DescField): unknown {
  if (field.fieldKind !== "list") return undefined;
  if (field.listKind === "message") return create(field.message);
  return field.listKind === "enum" ? 1 : "a";
}

function setField(leaf: ReflectMessage, field: DescField, value: unknown): void {
  if (value === undefined) {
    leaf.clear(field);
    return;
  }
  const filled = field.fieldKind === "message" ? create(field.message, value as Record<string, unknown>) : value;
  const message = leaf.message as unknown as Record<string, unknown>;
  if (field.oneof) message[field.oneof.localName] = { case: field.localName, value };
  else message[field.localName] = filled;
}

function fieldsNamed(method: DescMethod, message: ReflectMessage): string[] {
  try {
    validateRequest(method.input, message.message);
  } catch (error) {
    return ConnectError.from(error)
      .findDetails(BadRequestSchema)
      .flatMap((bad) => bad.fieldViolations.map(({ field }) => field));
  }
  return [];
}

const table = [...badRequests()];

describe("a request with one wrong field is refused, and the field is named", () => {
  test.each(methods.map((method) => [`${method.parent.name}.${method.name}`, method] as const))(
    "%s",
    (_name, method) => {
      const missed: string[] = [];
      for (const { path, what, build } of table.filter((one) => one.method === method)) {
        const named = fieldsNamed(method, build());
        if (!named.includes(path)) missed.push(`${path} (${what}) named ${JSON.stringify(named)}`);
      }
      expect(missed).toEqual([]);
    },
  );

  test("the table reaches every field of a request that has a rule", () => {
    const paths = new Set(table.map(({ method, path }) => `${method.name} ${path}`));
    expect(paths).toContain("CreateJob job.commands.commands[0].command");
    expect(paths).toContain("CreateJob job.endpoint.secret.username");
    expect(paths).toContain("BatchCreateJobs jobs[0].retry.max_backoff");
    expect(paths).toContain("UpdateDevice device.connect_timeout");
    expect(table.length).toBeGreaterThan(300);
  });
});

test("several wrong fields are all named at once", () => {
  const { input } = JobService.method.createJob;
  const message = create(input, {
    requestId: "two words",
    job: { priority: 1_000, operation: { case: "commands", value: { commands: [{ command: "a\nb" }] } } },
  });
  expect(fieldsNamed(JobService.method.createJob, reflect(input, message)).sort()).toEqual(
    ["job.commands.commands[0].command", "job.priority", "request_id"].sort(),
  );
});

test("an update names only what its mask changes, and what it names must still be right", () => {
  const { input } = DeviceService.method.updateDevice;
  const request = (paths: string[], device: object) => reflect(input, create(input, { device, updateMask: { paths } }));
  const { updateDevice } = DeviceService.method;
  expect(fieldsNamed(updateDevice, request(["labels"], { name: "r1" }))).toEqual([]);
  expect(fieldsNamed(updateDevice, request(["address"], { name: "r1", address: "no address" }))).toEqual([
    "device.address",
  ]);
  expect(fieldsNamed(updateDevice, request(["labels"], {}))).toContain("device.name");
});

test("times out of range are refused wherever they stand", () => {
  const { input } = JobService.method.listJobs;
  const message = create(input, { filter: { createdAfter: { seconds: 1n, nanos: -1 } } });
  expect(toBinary(input, message).length).toBeGreaterThan(0);
  expect(fieldsNamed(JobService.method.listJobs, reflect(input, message))).toEqual(["filter.created_after"]);
});

test.each([
  ["devices", "r1", "10.0.0.1", "10.0.0.1:22", "a.example.net.", "::1", "fe80::1", "[::1]", "[::1]:22", "key/stack-1"],
  ["queues", "nightly", "device/r1", "device/10.0.0.1:22", "device/[::1]:22", "device/key/stack-1", "device/R-1.x:22"],
  ["workers", "node.example.net-4711-0a1b2c3d"],
  ["creators", "local", "ann@example.net", "ops-key"],
  ["text", "ip route 0.0.0.0/0", "a\tb", "Grüße"],
  ["zones", "default", "site-7"],
])("a filter of jobs takes %s that there can be", (field, ...values) => {
  const { listJobs } = JobService.method;
  const filter = { [field]: field === "text" ? values[0] : values };
  expect(fieldsNamed(listJobs, reflect(listJobs.input, create(listJobs.input, { filter })))).toEqual([]);
});

test.each([
  ["devices", "r 1", "10.0.0.1:ssh", "-", "device/r1", "[::1", "::1%eth0", ""],
  ["queues", "Nightly", "device/", "device/r 1", "queue/nightly", ""],
  ["workers", "a b", "", "é"],
  ["creators", "-", "a b", "x".repeat(65)],
  ["zones", "A", "", "x".repeat(33)],
])("a filter of jobs takes no %s that there cannot be, and names each", (field, ...values) => {
  const { listJobs } = JobService.method;
  const filter = { [field]: values };
  const named = fieldsNamed(listJobs, reflect(listJobs.input, create(listJobs.input, { filter })));
  expect(named).toEqual(values.map((_, index) => `filter.${field}[${index}]`));
});
