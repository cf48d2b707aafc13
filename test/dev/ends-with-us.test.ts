import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { endsWithUs } from "../support/ends-with-us.js";
import { eventually } from "../support/eventually.js";

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test.runIf(process.platform === "linux")("what a test run starts is gone when the run is killed", async () => {
  const command = JSON.stringify(
    endsWithUs(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log('up')"]),
  );
  const program = `
    const child = require("node:child_process").spawn(...${command});
    child.stdout.once("data", () => console.log(child.pid));
  `;
  const run = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: run.stdout }), "line")) as [string];
  const child = Number(line);
  expect(lives(child)).toBe(true);
  run.kill("SIGKILL");
  await eventually(() => expect(lives(child)).toBe(false));
});
