import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newJob } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore({ realTime: true });
  await at.store.jobs.create(newJob(Date.now()));
});
afterAll(() => at.close());

function admit(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, POINTSMAN_REDIS_URL: at.address };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/main.js", "admit-restored", ...args], {
    env,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("admit-restored tells what it let go on, and refuses a zone that there is not", () => {
  const admitted = { status: 0, stdout: "zone default: 0 devices take changes again\n", stderr: "" };
  expect(admit()).toEqual(admitted);
  expect(admit("--zone", "default")).toEqual(admitted);
  expect(admit("--zone", "defualt")).toEqual({
    status: 1,
    stdout: "",
    stderr: "error: no zone defualt; there are: default\n",
  });
});
