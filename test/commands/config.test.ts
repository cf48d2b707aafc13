import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { makeCertificate } from "../support/certificate.js";

const sealingKey = Buffer.alloc(32, 7).toString("base64");
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "pm-config-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function config(command: "check" | "print", file: string, env: Readonly<Record<string, string>> = {}) {
  const path = join(dir, "config.yaml");
  writeFileSync(path, file);
  return spawnSync(process.execPath, ["dist/main.js", "config", command, "--config", path], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", POINTSMAN_SEALING_KEY: sealingKey, ...env },
    timeout: 60_000,
  });
}

describe("pointsman config", () => {
  test("check says all that is wrong at once, and ends with 1", () => {
    const { status, stdout, stderr } = config("check", "server: { port: ninety }\nwroker: { zones: [fra] }\n", {
      POINTSMAN_CAPACITY: "0",
    });
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr.split("\n").filter((line) => line !== "")).toEqual([
      expect.stringMatching(/^error: .*config\.yaml: there is no setting wroker\.zones$/),
      expect.stringMatching(/^error: .*config\.yaml: server\.port must be a whole number from 0 to 65535$/),
      "error: POINTSMAN_CAPACITY must be a whole number from 1 to 100000",
    ]);
    expect(config("check", "server: { port: 9001 }\n")).toMatchObject({
      status: 0,
      stdout: "The settings are valid.\n",
    });
  });

  test.each([
    ["- a\n", "config.yaml cannot be read: it has to be a mapping of settings"],
    ["hello\n", "config.yaml cannot be read: it has to be a mapping of settings"],
    ["wroker:\n", "config.yaml: there is no setting wroker"],
    ["worker: { zonse: }\n", "config.yaml: there is no setting worker.zonse"],
    ["wroker: {}\n", "config.yaml: there is no setting wroker"],
  ])("check finds what is wrong with %j", (file, problem) => {
    const { status, stderr } = config("check", file);
    expect(stderr.split("\n")).toEqual([expect.stringContaining(problem), ""]);
    expect(status).toBe(1);
  });

  test("check takes parts and settings without a value, and a file without any", () => {
    for (const file of ["", "worker:\nserver: {}\n", "log_level:\n"]) expect(config("check", file).status).toBe(0);
  });

  test("check reads what the settings name", () => {
    const nowhere = join(dir, "nowhere");
    const file = `platforms_dir: ${nowhere}\nserver: { tls_certificate: ${nowhere}, tls_key: ${nowhere} }\n`;
    const { status, stderr } = config("check", file, { POINTSMAN_SEALING_KEY: "abc" });
    expect(stderr.trimEnd().split("\n")).toEqual([
      "error: The sealing key in the environment is not 32 bytes of base64 or hexadecimal",
      expect.stringContaining("server.tls_certificate cannot be read: ENOENT"),
      expect.stringContaining("server.tls_key cannot be read: ENOENT"),
      `error: platforms_dir: there is no folder ${nowhere}`,
    ]);
    expect(status).toBe(1);
  });

  test("check asks for a sealing key, and says how to give one", () => {
    const { status, stderr } = config("check", "", { POINTSMAN_SEALING_KEY: "" });
    expect(stderr).toMatch(/^error: No sealing key: set sealing_key_file .*\n$/);
    expect(status).toBe(1);
  });

  test("check tries what a worker needs, and leaves nothing behind", () => {
    const settings = (module: string, journals: string) =>
      `worker: { task_modules: [${join(dir, module)}], journal_dir: ${journals} }\n`;
    writeFileSync(join(dir, "audit.js"), "");
    const journals = join(dir, "var", "journals");
    expect(config("check", settings("audit.js", journals)).status).toBe(0);
    expect(existsSync(join(dir, "var"))).toBe(false);
    const { status, stderr } = config("check", settings("no.js", "/proc/journals"));
    expect(stderr.trimEnd().split("\n")).toEqual([
      `error: worker.task_modules: ${join(dir, "no.js")} cannot be read (ENOENT)`,
      "error: worker.journal_dir: nothing can be written into the folder /proc/journals (ENOENT: no such file or directory, mkdir '/proc/journals')",
    ]);
    expect(status).toBe(1);
  });

  test("check refuses a certificate and a key whose files are empty", async () => {
    const { certFile, keyFile } = await makeCertificate(dir, "server");
    const empty = join(dir, "empty.pem");
    writeFileSync(empty, "");
    const check = (cert: string, key: string) =>
      config("check", `server: { tls_certificate: ${cert}, tls_key: ${key} }\n`);
    expect(check(certFile, keyFile).status).toBe(0);
    for (const [cert, key] of [
      [empty, keyFile],
      [certFile, empty],
      [empty, empty],
    ] as const) {
      const { status, stderr } = check(cert, key);
      expect(stderr).toMatch(/^error: server\.tls_certificate and server\.tls_key are no pair: .+\n$/);
      expect(status).toBe(1);
    }
  });

  test("print shows what holds, the environment before the file, in a form that is a file again", () => {
    const { status, stdout } = config("print", "server: { port: 9001 }\nworker: { zones: [fra] }\n", {
      POINTSMAN_PORT: "9002",
    });
    expect(status).toBe(0);
    expect(parse(stdout)).toMatchObject({ server: { port: 9002 }, worker: { zones: ["fra"] }, log_level: "info" });
    expect(config("check", stdout).status).toBe(0);
  });

  test.each([
    ["redis://user:hunter2@host:6379/0", "redis://user:********@host:6379/0"],
    ["redis://:hunter2@host", "redis://:********@host"],
    ["redis://user:x@hunter2@host", "redis://user:********@host"],
    [
      "rediss-sentinel://u:hunter2@s1,s2/main?sentinel_username=x&sentinel_password=hunter2&ca=a.pem",
      "rediss-sentinel://u:********@s1,s2/main?sentinel_username=x&sentinel_password=********&ca=a.pem",
    ],
  ])("print masks the secrets of %s", (url, shown) => {
    const { stdout } = config("print", `redis: { url: "${url}" }\n`);
    expect(stdout).not.toContain("hunter2");
    expect(stdout).not.toContain(sealingKey);
    expect(parse(stdout)).toMatchObject({ redis: { url: shown }, sealing_key: "********" });
  });
});

test.each([
  [["bogus"]],
  [["server", "--bogus"]],
  [["server", "--port", "ninety"]],
  [["server", "--port", "99999"]],
  [["server", "--port", ""]],
  [["server", "--host", ""]],
  [["dev", "--port", "ninety"]],
  [["dev", "--devices", "some"]],
  [["keys", "create"]],
  [["fsck", "--bogus"]],
])("a fault of the command line itself ends with 2: %j", (words) => {
  const { status, stderr } = spawnSync(process.execPath, ["dist/main.js", ...words], { encoding: "utf8" });
  expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringMatching(/^error: /) as string });
});
