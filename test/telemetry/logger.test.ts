import { randomUUID } from "node:crypto";
import { DeviceError } from "../../src/device/index.js";
import { expect, test } from "vitest";
import { createLogger } from "../../src/telemetry/logger.js";
import { openTestStore } from "../support/store.js";

/** What a logger writes when `log` has used it. */
function logged(log: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  log(createLogger("trace", { write: (line) => void lines.push(line) }));
  return lines.join("");
}

test("what was sent to Redis is not logged with what Redis says of it", async () => {
  const canary = randomUUID();
  const at = await openTestStore();
  try {
    const error: unknown = await at.redis
      .eval("return redis.call('NO_SUCH', KEYS[1])", 1, "k", canary)
      .catch((refused: unknown) => refused);
    // The client does hang the call on its error: a test of an error without it would hold off nothing.
    expect(JSON.stringify((error as { command?: unknown }).command)).toContain(canary);
    const text = logged((logger) => {
      logger.error({ err: error }, "a call failed");
      logger.error(error);
      logger.child({ job: "j1" }).warn({ err: error }, "a call failed");
    });
    expect(text).not.toContain(canary);
    expect(text.trimEnd().split("\n")).toHaveLength(3);
    expect(JSON.parse(text.split("\n")[0] ?? "")).toMatchObject({
      err: { type: "ReplyError", message: expect.stringContaining("Unknown Redis command") as string },
      msg: "a call failed",
    });
  } finally {
    await at.close();
  }
});

test("of an error its kind, words, place, code and reason are logged, and nothing that hangs on it", () => {
  const cause = Object.assign(new Error("inner"), { password: "hidden-in-cause" });
  const device = new DeviceError("DISCONNECTED", "gone", { tail: "hidden-in-tail", cause });
  const system = Object.assign(new Error("open failed"), { code: "ENOSPC", path: "hidden-in-path" });
  const text = logged((logger) => {
    logger.error({ err: device });
    logger.error({ err: system });
    logger.error({ err: { secret: "hidden-in-object" } });
  });
  const [first, second, third] = text
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { err: object }).err);
  expect(first).toEqual({ type: "DeviceError", message: "gone", reason: "DISCONNECTED", stack: device.stack });
  expect(second).toEqual({ type: "Error", message: "open failed", code: "ENOSPC", stack: system.stack });
  expect(third).toEqual({ type: "object" });
  expect(text).not.toContain("hidden");
});

test("what stands under the name of a secret is not printed, at the top of a line or deeper", () => {
  const login = { username: "ann", password: "hidden-1", privateKey: "hidden-2", enableSecret: "hidden-3" };
  const text = logged((logger) => {
    logger.info({ password: "hidden-4", login }, "a slip");
    logger.child({ secret: "hidden-5" }).info({ deep: { login } }, "a slip");
    logger.info({ headers: { authorization: "hidden-6", "x-api-key": "hidden-7" } }, "a slip");
  });
  expect(text).not.toContain("hidden");
  expect(text.match(/\[secret\]/g)).toHaveLength(10);
  expect(text).toContain('"username":"ann"');
});
