import { afterEach, expect, test } from "vitest";
import { changeLogLevelOnSignal } from "../../src/commands/log-level-signal.js";
import { createLogger } from "../../src/telemetry/logger.js";

const others = process.listeners("SIGUSR2");
afterEach(() => {
  for (const listener of process.listeners("SIGUSR2")) {
    if (!others.includes(listener)) process.off("SIGUSR2", listener);
  }
});

test("a signal makes a process say more, and the next one as much as its settings say by then", () => {
  const lines: string[] = [];
  const logger = createLogger("info", { write: (line) => void lines.push(line) });
  let usual = "info";
  changeLogLevelOnSignal(logger, () => usual);
  process.emit("SIGUSR2");
  expect(logger.level).toBe("debug");
  usual = "warn";
  process.emit("SIGUSR2");
  expect(logger.level).toBe("warn");
  // The level of the line itself is not hidden by another of that name.
  for (const line of lines) expect(line.match(/"level":/g)).toHaveLength(1);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 40, logLevel: "debug" },
    { level: 40, logLevel: "warn" },
  ]);
});
