import { expect, test } from "vitest";
import { reload } from "../../src/commands/reload-signal.js";
import { loadConfig } from "../../src/config.js";
import { createLogger } from "../../src/telemetry/logger.js";

function stand() {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger("info", {
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const running = loadConfig(undefined, { POINTSMAN_LOG_LEVEL: "info", POINTSMAN_SEALING_KEY: "a".repeat(64) });
  return { lines, logger, running };
}

test("the log level holds at once; whatever else changed is named and needs a restart", () => {
  const { lines, logger, running } = stand();
  reload(logger, running, () =>
    loadConfig(undefined, {
      ...{ POINTSMAN_LOG_LEVEL: "debug", POINTSMAN_CAPACITY: "7", POINTSMAN_SEALING_KEY: "b".repeat(64) },
      POINTSMAN_HTTP_ALLOW_HOSTS: "example.net",
    }),
  );
  expect(logger.level).toBe("debug");
  expect(lines).toMatchObject([
    { logLevel: "debug", needRestart: ["sealing_key", "http.allow_hosts", "worker.capacity"] },
  ]);
  expect(JSON.stringify(lines)).not.toContain("bbbb");
});

test("settings that are wrong change nothing, and the log says all that is wrong", () => {
  const { lines, logger, running } = stand();
  reload(logger, running, () => loadConfig(undefined, { POINTSMAN_LOG_LEVEL: "loud", POINTSMAN_CAPACITY: "-1" }));
  expect(logger.level).toBe("info");
  expect((lines[0] as { problems: string[] }).problems).toHaveLength(2);
});
