import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newJob } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;

beforeAll(async () => {
  at = await openTestStore({ realTime: true });
});
afterAll(() => at.close());

async function fsck(...args: readonly string[]): Promise<{ status: number | null; lines: string[] }> {
  const env = { ...process.env, POINTSMAN_REDIS_URL: at.address };
  const child = spawn(process.execPath, ["dist/main.js", "fsck", ...args], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (bytes: Buffer) => (printed += bytes.toString()));
  const status = await new Promise<number | null>((done) => child.once("close", done));
  return { status, lines: printed.split("\n").filter((line) => line !== "") };
}

test("pointsman fsck ends with 0 on a whole store, with 1 while a problem is left, and prints a line for each", async () => {
  const { job } = await at.store.jobs.create(newJob(Date.now()));
  expect(await fsck()).toEqual({ status: 0, lines: [] });
  await at.redis.zrem("{pm:default}:ix:state:QUEUED", job.id);
  const seen = await fsck("--json");
  expect(seen.status).toBe(1);
  expect(seen.lines.map((line): unknown => JSON.parse(line))).toEqual([
    {
      zone: "default",
      invariant: "job-in-index",
      key: "{pm:default}:ix:state:QUEUED",
      detail: `job ${job.id} is not in it`,
      repairable: true,
      repaired: false,
    },
  ]);
  expect(await fsck("--repair")).toEqual({
    status: 0,
    lines: [`job-in-index  {pm:default}:ix:state:QUEUED  job ${job.id} is not in it (repaired)`],
  });
  expect(await fsck()).toEqual({ status: 0, lines: [] });
});
