import { readFileSync } from "node:fs";
import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Access, accessTable, reaches } from "../../src/api/calls/access.js";
import { parseApiKey } from "../../src/api/calls/api-keys.js";
import { Health } from "../../src/api/gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../src/api/gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as Alpha } from "../../src/api/gen/grpc/reflection/v1alpha/reflection_pb.js";
import { startTestApi, type TestApi } from "../support/api-server.js";
import { contractServices } from "../support/contract-services.js";

const services = [...contractServices, Health, ServerReflection, Alpha];
const methods: readonly DescMethod[] = services.flatMap((service) => service.methods);
const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`;
const cases = methods.map((method) => [pathOf(method), accessTable[pathOf(method)]!] as const);
const plainCases: readonly (readonly [path: string, access: Access])[] = [
  ["/v1/jobs/00000000000000000000000000/events", "reader"],
  ["/metrics", "reader"],
  ["/livez", "anyone"],
  ["/readyz", "anyone"],
];

let api: TestApi;
const keys = { reader: "", operator: "", admin: "" };
beforeAll(async () => {
  api = await startTestApi({
    withKey: true,
    metrics: () => Promise.resolve({ text: "up 1\n", contentType: "text/plain" }),
  });
  for (const role of ["reader", "operator", "admin"] as const) keys[role] = await api.key(role);
});
afterAll(() => api.close());

/** How a call without any field set is met at the door: by its place in gRPC, which every method can be called by. */
async function atTheDoor(
  path: string,
  key: string | undefined,
): Promise<"PERMISSION_DENIED" | "UNAUTHENTICATED" | "in"> {
  const leave = new AbortController();
  const response = await fetch(`${api.baseUrl}${path}`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+proto", ...(key !== undefined && { "x-api-key": key }) },
    body: new Uint8Array(5),
    signal: leave.signal,
  });
  leave.abort();
  const status = response.headers.get("grpc-status");
  return status === "7" ? "PERMISSION_DENIED" : status === "16" ? "UNAUTHENTICATED" : "in";
}

test("every method of every service has an entry, and nothing else has", () => {
  expect(services.length).toBeGreaterThanOrEqual(13);
  expect(Object.keys(accessTable).sort()).toEqual(methods.map(pathOf).sort());
});

test("whatever has a side effect needs more than a reader", () => {
  const ours = methods.filter((method) => method.parent.typeName.startsWith("pointsman."));
  const reads = ours.filter(
    (method) => method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS || method.methodKind !== "unary",
  );
  expect(reads.length).toBeLessThan(ours.length);
  for (const method of ours) {
    if (!reads.includes(method)) expect(reaches("reader", accessTable[pathOf(method)]!), pathOf(method)).toBe(false);
  }
});

describe.each(["reader", "operator", "admin"] as const)("a key of role %s", (role) => {
  test.each(cases)("%s", async (path, access) => {
    expect(await atTheDoor(path, keys[role])).toBe(reaches(role, access) ? "in" : "PERMISSION_DENIED");
  });
});

describe("no key, a key of which one half is wrong, and one that was revoked before it was ever used", () => {
  const strangers: Record<string, string | undefined> = {};
  beforeAll(async () => {
    const { id, secret } = parseApiKey(keys.admin)!;
    const revoked = await api.key("admin");
    await api.store.apiKeys.remove(parseApiKey(revoked)!.id);
    Object.assign(strangers, {
      ...{ none: undefined, revoked, nonsense: "admin" },
      ...{ "another secret": `pm_${id}_${"0".repeat(52)}`, "another id": `pm_${"0".repeat(12)}_${secret}` },
    });
  });

  test.each(cases)("%s", async (path, access) => {
    for (const [who, key] of Object.entries(strangers)) {
      expect(await atTheDoor(path, key), who).toBe(access === "anyone" ? "in" : "UNAUTHENTICATED");
    }
  });

  test.each(plainCases)("%s", async (path, access) => {
    for (const [who, key] of Object.entries(strangers)) {
      const { status } = await fetch(`${api.baseUrl}${path}`, {
        headers: key === undefined ? {} : { "x-api-key": key },
      });
      expect(status === 401, who).toBe(access !== "anyone");
    }
    expect((await fetch(`${api.baseUrl}${path}`, { headers: { "x-api-key": keys.reader } })).status).not.toBe(401);
  });
});

test("docs/access.md says who may call what", () => {
  const rows = readFileSync("docs/access.md", "utf8").matchAll(/^\| `(\w+)` +\|([^|]*)\|([^|]*)\|$/gm);
  const named = (cell: string): string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
  const told = [...rows].flatMap(([, service = "", operator = "", admin = ""]) => [
    ...named(operator).map((name) => [`/pointsman.v1.${service}/${name}`, "operator"] as const),
    ...named(admin).map((name) => [`/pointsman.v1.${service}/${name}`, "admin"] as const),
  ]);
  const kept = Object.entries(accessTable).filter(([, access]) => access === "operator" || access === "admin");
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(kept));
});
