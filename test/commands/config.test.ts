import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";

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
    env: { PATH: process.env["PATH"] ?? "", ...env },
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
    [
      "rediss-sentinel://u:hunter2@s1,s2/main?sentinel_username=x&sentinel_password=hunter2&ca=a.pem",
      "rediss-sentinel://u:********@s1,s2/main?sentinel_username=x&sentinel_password=********&ca=a.pem",
    ],
  ])("print masks the secrets of %s", (url, shown) => {
    const key = Buffer.alloc(32, 7).toString("base64");
    const { stdout } = config("print", `redis: { url: "${url}" }\n`, { POINTSMAN_SEALING_KEY: key });
    expect(stdout).not.toContain("hunter2");
    expect(stdout).not.toContain(key);
    expect(parse(stdout)).toMatchObject({ redis: { url: shown }, sealing_key: "********" });
  });
});
