import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSealingKey } from "../../src/secrets/sealing-key.js";
import { systemRandom } from "../../src/system/random.js";

const raw = Buffer.from(systemRandom.bytes(32));
let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealing-key-"));
  file = join(dir, "key");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test.each([
  ["raw", raw],
  ["base64", Buffer.from(`${raw.toString("base64")}\n`)],
  ["base64url", Buffer.from(raw.toString("base64url"))],
  ["hexadecimal", Buffer.from(raw.toString("hex"))],
])("reads a file of 32 bytes as %s", async (_form, bytes) => {
  await writeFile(file, bytes, { mode: 0o600 });
  expect(Buffer.from(await loadSealingKey({ file }))).toEqual(raw);
});

test("the environment wins over the file", async () => {
  expect(Buffer.from(await loadSealingKey({ file, env: raw.toString("base64") }))).toEqual(raw);
});

test.each([0o644, 0o640, 0o604, 0o660])("refuses a file that others can read (%o)", async (mode) => {
  await writeFile(file, raw);
  await chmod(file, mode);
  await expect(loadSealingKey({ file })).rejects.toThrow(/read by others.*chmod 600/);
});

test("makes a key that only its owner can read, once: two that start together get the same", async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => loadSealingKey({ file, create: systemRandom })));
  expect(new Set(made.map((key) => Buffer.from(key).toString("hex"))).size).toBe(1);
  expect(made[0]).toHaveLength(32);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(dir)).toEqual(["key"]);
  expect(Buffer.from(await loadSealingKey({ file }))).toEqual(Buffer.from(made[0]!));
  expect(Buffer.from((await readFile(file, "utf8")).trim(), "base64")).toEqual(Buffer.from(made[0]!));
});

test("says in one line what is missing or wrong, without any part of the key", async () => {
  const almost = raw.toString("base64").slice(0, 30);
  await expect(loadSealingKey({})).rejects.toThrow(/^No sealing key[^\n]*$/);
  await expect(loadSealingKey({ file })).rejects.toThrow(/^The sealing key \S+ is missing[^\n]*$/);
  const error = (await loadSealingKey({ env: almost }).catch((thrown: unknown) => thrown)) as Error;
  expect(error.message).toMatch(/^[^\n]*environment[^\n]*$/);
  expect(error.message).not.toContain(almost.slice(0, 8));
  await writeFile(file, almost, { mode: 0o600 });
  await expect(loadSealingKey({ file })).rejects.toThrow(/is not 32 bytes/);
});
