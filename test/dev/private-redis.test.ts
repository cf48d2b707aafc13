import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import ts from "typescript";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findServerBinary, startPrivateRedis } from "../../src/dev/private-redis.js";
import { eventually } from "../support/eventually.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "private-redis-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  await eventually(() => expect(alive(pid)).toBe(false));
}

test("answers on a unix socket only, keeps every write and never evicts", async () => {
  const redis = await startPrivateRedis({ dir });
  const client = new Redis(redis.socketPath);
  const setting = async (name: string): Promise<string | undefined> => (await client.config("GET", name))[1];
  expect(await setting("port")).toBe("0");
  expect(await setting("appendonly")).toBe("yes");
  expect(await setting("appendfsync")).toBe("always");
  expect(await setting("maxmemory-policy")).toBe("noeviction");
  expect(await setting("maxmemory")).toBe(String(1024 ** 3));
  expect(alive(redis.pid)).toBe(true);
  client.disconnect();
  await redis.stop();
  await gone(redis.pid);
  expect(await redis.ended).toBe(true);
});

test("holds what was written when it is started again in the same folder", async () => {
  const first = await startPrivateRedis({ dir });
  const writer = new Redis(first.socketPath);
  await writer.set("kept", "yes");
  writer.disconnect();
  await first.stop();
  const second = await startPrivateRedis({ dir });
  const reader = new Redis(second.socketPath);
  expect(await reader.get("kept")).toBe("yes");
  reader.disconnect();
  await second.stop();
});

test("refuses a folder that another server uses", async () => {
  const first = await startPrivateRedis({ dir });
  await expect(startPrivateRedis({ dir })).rejects.toThrow(/already running/);
  expect(alive(first.pid)).toBe(true);
  await first.stop();
});

test("a folder too deep for a unix socket gets its socket in a short temporary folder, removed at the end", async () => {
  const deep = join(dir, "d".repeat(120));
  const redis = await startPrivateRedis({ dir: deep });
  expect(Buffer.byteLength(redis.socketPath)).toBeLessThan(108);
  const client = new Redis(redis.socketPath);
  expect(await client.ping()).toBe("PONG");
  client.disconnect();
  await redis.stop();
  await expect(stat(redis.socketPath)).rejects.toThrow(/ENOENT/);
});

test("says in one line what to install when no server is there", () => {
  expect(() => findServerBinary(dir)).toThrow(/^[^\n]*redis-server[^\n]*install[^\n]*$/);
});

test("reports the server's own words when it cannot start", async () => {
  await expect(startPrivateRedis({ dir, extraArgs: ["--maxmemory-policy", "nonsense"] })).rejects.toThrow(
    /ended while starting/,
  );
});

test.each([
  ["an exception", `setTimeout(() => { throw new Error("boom") }, 0)`, undefined],
  ["SIGTERM", `setInterval(() => {}, 1000)`, "SIGTERM"],
  ["SIGKILL", `setInterval(() => {}, 1000)`, "SIGKILL"],
] as const)("leaves no server behind when the parent dies by %s", async (_how, then, signal) => {
  const source = await readFile(new URL("../../src/dev/private-redis.ts", import.meta.url), "utf8");
  const module = join(dir, "private-redis.mjs");
  await writeFile(module, ts.transpile(source, { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }));
  const script = `
    const { startPrivateRedis } = await import(${JSON.stringify(module)});
    const redis = await startPrivateRedis(${JSON.stringify({ dir: join(dir, "data") })});
    process.stdout.write(redis.pid + "\\n", () => { ${then} });`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const pid = await new Promise<number>((done) => parent.stdout.once("data", (data: Buffer) => done(Number(data))));
  if (signal) {
    expect(alive(pid)).toBe(true);
    parent.kill(signal);
  }
  await gone(pid);
});
