import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { parse } from "yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPrivateRedis } from "../../src/dev/private-redis.js";
import { stateCommands } from "../../src/store/connection.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { freePort } from "../support/free-port.js";
import { startSecured, type Topology } from "../support/redis-topologies.js";

let topology: Topology;
let operator: Redis;
beforeAll(async () => {
  topology = await startSecured();
  operator = topology.nodes[0]!.redis;
});
afterAll(() => topology.close());

/** Whether the user that we ship may run a command with this first argument. */
async function allowed(command: string, first: string): Promise<boolean> {
  // A dry run wants as many arguments as the command takes.
  for (let count = 0; count < 10; count++) {
    const args = [first, ...Array<string>(count).fill("1")];
    const given = command.split("|");
    try {
      return (
        (await operator.call("ACL", "DRYRUN", "pointsman", ...given, ...(count === 0 ? [] : args.slice(0, count)))) ===
        "OK"
      );
    } catch (error) {
      if (!/wrong number of arguments/.test((error as Error).message)) throw error;
    }
  }
  throw new Error(`${command} takes more arguments than were tried`);
}

describe("the user that we ship", () => {
  test("may run whatever the store and its scripts run, on its own keys alone", async () => {
    const scripts = readdirSync("src/store/scripts").map((file) => readFileSync(`src/store/scripts/${file}`, "utf8"));
    const called = scripts.flatMap((text) => [...text.matchAll(/\bp?call\('([A-Z]+)'/g)].map(([, name]) => name ?? ""));
    const direct = stateCommands.map((name) => name.replace(/Buffer$/, "").toUpperCase());
    const commands = [...new Set([...called, ...direct])].filter((name) => !["TIME", "INFO", "PUBLISH"].includes(name));
    expect(commands.length).toBeGreaterThan(30);
    for (const command of commands) {
      expect([command, await allowed(command, "{pm:default}:x")]).toEqual([command, true]);
      expect([command, await allowed(command, "other")]).toEqual([command, false]);
    }
    for (const command of ["TIME", "PING", "INFO", "HELLO", "CLUSTER|SLOTS"])
      expect([command, await allowed(command, "3")]).toEqual([command, true]);
    expect(await allowed("PUBLISH", "{pm:default}:hint:w")).toBe(true);
    expect(await allowed("PUBLISH", "other")).toBe(false);
    expect(await allowed("SUBSCRIBE", "other")).toBe(false);
  });

  test("may run nothing dangerous but INFO and CONFIG GET", async () => {
    const dangerous = (await operator.call("ACL", "CAT", "dangerous")) as string[];
    expect(dangerous).toContain("flushall");
    const may: string[] = [];
    for (const command of dangerous) if (await allowed(command, "{pm}:x")) may.push(command);
    expect(may.sort()).toEqual(["config|get", "info"]);
  });

  test("has no password as it is shipped, and nobody else may come in", () => {
    const users = readFileSync("deploy/redis/users.acl", "utf8").trimEnd().split("\n");
    expect(users).toEqual([
      expect.stringMatching(/^user default off /),
      expect.stringMatching(/^user pointsman on resetkeys /),
    ]);
    for (const user of users) expect(user).not.toMatch(/ (nopass|[>#])/);
  });
});

test("the configuration that we ship keeps every change, and Valkey's is the same but for its names", async () => {
  const facts = Object.fromEntries(
    (
      await Promise.all(
        ["appendonly", "appendfsync", "maxmemory-policy", "port"].map((name) => operator.config("GET", name)),
      )
    ).map((pair) => pair as [string, string]),
  );
  expect(facts).toEqual({ appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction", port: "0" });
  const directives = (name: string): string[] =>
    readFileSync(`deploy/redis/${name}.conf`, "utf8")
      .split("\n")
      .filter((line) => line !== "" && !/^# ?([A-Z-]|$)/.test(line))
      .map((line) => line.replaceAll("/etc/valkey/", "/etc/redis/"));
  expect(directives("valkey")).toEqual(directives("redis"));
});

describe("what we ship is what a server asks for", () => {
  const problemsAt = async (address: string): Promise<readonly string[]> => {
    const time = { now: () => Date.now(), monotonic: () => performance.now() };
    const store = await createRedisStore({ address, demand: "durable", calendar: createCalendar(), ...time });
    try {
      return (await store.condition.servers()).flatMap(({ unfit }) => unfit);
    } finally {
      await store.close();
    }
  };

  test("the configuration, seen by the user that we ship", async () => {
    expect(await problemsAt(topology.url)).toEqual([]);
    await operator.config("SET", "maxmemory", "0");
    expect(await problemsAt(topology.url)).toEqual([expect.stringMatching(/^maxmemory is 0/)]);
    await operator.config("SET", "maxmemory", "256mb");
  });

  test("the Redis of the compose file", async () => {
    const compose = parse(readFileSync("deploy/docker/compose.yaml", "utf8"), { merge: true }) as {
      readonly services: { readonly redis: { readonly command: string } };
    };
    const [, ...args] = compose.services.redis.command.split(/\s+/);
    const password = args.indexOf("--requirepass");
    expect(password).toBeGreaterThan(0);
    const dir = await mkdtemp(join(tmpdir(), "pm-compose-"));
    const server = await startPrivateRedis({
      dir,
      extraArgs: args.filter((_, i) => i !== password && i !== password + 1),
    });
    try {
      expect(await problemsAt(server.socketPath)).toEqual([]);
    } finally {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });
});

test("what the configuration leaves commented out for a cluster is accepted", async () => {
  const lines = readFileSync("deploy/redis/redis.conf", "utf8").split("\n");
  const cluster = lines.flatMap((line) => /^# (cluster-\S+) (\S+)$/.exec(line)?.slice(1, 3) ?? []);
  expect(cluster.length).toBeGreaterThan(6);
  const dir = await mkdtemp(join(tmpdir(), "pm-conf-"));
  const extraArgs = cluster.map((part) => (part.startsWith("cluster-") ? `--${part}` : part));
  // Without a port of its own to count from, every such process would want the same one for its bus.
  extraArgs.push("--cluster-port", String(await freePort()));
  const server = await startPrivateRedis({ dir, appendOnly: false, extraArgs });
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});
