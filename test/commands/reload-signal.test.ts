import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readCertificate } from "../../src/commands/certificate.js";
import { createLiveConfig, liveAddressRule } from "../../src/commands/live-config.js";
import { type PrepareReload, reload } from "../../src/commands/reload-signal.js";
import { loadConfig } from "../../src/config.js";
import { createLogger } from "../../src/telemetry/logger.js";
import { makeCertificate } from "../support/certificate.js";

function stand(env: Record<string, string> = {}, prepare: readonly PrepareReload[] = []) {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger("info", {
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const first = { POINTSMAN_LOG_LEVEL: "info", POINTSMAN_SEALING_KEY: "a".repeat(64), ...env };
  const live = createLiveConfig(loadConfig(undefined, first));
  const hup = (next: Record<string, string>): Promise<void> =>
    reload({ logger, live, prepare, read: () => loadConfig(undefined, { ...first, ...next }) });
  return { lines, logger, live, hup };
}

test("what can change in a running process holds at once; whatever else changed is named and needs a restart", async () => {
  const { lines, logger, live, hup } = stand();
  const { config } = live;
  const addresses = liveAddressRule(config);
  expect(addresses.allowsHost("example.org")).toBe(true);
  await hup({
    ...{ POINTSMAN_LOG_LEVEL: "debug", POINTSMAN_CAPACITY: "7", POINTSMAN_SEALING_KEY: "b".repeat(64) },
    ...{ POINTSMAN_HTTP_ALLOW_HOSTS: "example.net", POINTSMAN_HTTP_ALLOW_ADDRESSES: "10.9.0.0/16" },
    ...{ POINTSMAN_KEEP_JOBS: "5", POINTSMAN_SHELL_COMMANDS: "uptime" },
  });
  expect(logger.level).toBe("debug");
  expect(config).toMatchObject({ keepJobs: 5, shellCommands: ["uptime"], capacity: 1_000, sealingKey: "a".repeat(64) });
  expect(addresses.allowsHost("example.org")).toBe(false);
  expect(addresses.allows("10.9.0.1")).toBe(true);
  expect(lines).toMatchObject([{ logLevel: "debug", needRestart: ["sealing_key", "worker.capacity"] }]);
  expect(JSON.stringify(lines)).not.toContain("bbbb");
});

test("settings that are wrong change nothing, and the log says all that is wrong", async () => {
  const { lines, logger, live, hup } = stand();
  await hup({ POINTSMAN_LOG_LEVEL: "loud", POINTSMAN_CAPACITY: "-1", POINTSMAN_KEEP_JOBS: "5" });
  expect(logger.level).toBe("info");
  expect(live.config.keepJobs).toBe(1_000_000);
  expect((lines[0] as { problems: string[] }).problems).toHaveLength(2);
});

test("a certificate that cannot be had changes nothing either", async () => {
  const dir = await mkdtemp(join(tmpdir(), "pm-reload-"));
  try {
    const [one, other] = [await makeCertificate(dir, "one"), await makeCertificate(dir, "other")];
    const shown: string[] = [];
    const prepare: PrepareReload = async (next) => {
      const tls = await readCertificate(next);
      return () => void shown.push(String(tls?.cert));
    };
    const tls = (cert: string, key: string) => ({ POINTSMAN_TLS_CERTIFICATE: cert, POINTSMAN_TLS_KEY: key });
    const { lines, live, hup } = stand(tls(one.certFile, one.keyFile), [prepare]);
    const keep = { POINTSMAN_KEEP_JOBS: "5" };
    await hup({ ...tls(one.certFile, other.keyFile), ...keep });
    await hup({ ...tls(join(dir, "none.pem"), join(dir, "none.key")), ...keep });
    expect(lines.map(({ problems }) => (problems as string[]).length)).toEqual([1, 2]);
    expect(shown).toEqual([]);
    expect(live.config).toMatchObject({ keepJobs: 1_000_000, tlsKey: one.keyFile });

    await writeFile(one.certFile, other.cert);
    await writeFile(one.keyFile, other.key);
    await hup(keep);
    expect(shown).toEqual([String(other.cert)]);
    expect(live.config.keepJobs).toBe(5);
    expect(lines[2]).toMatchObject({ needRestart: [] });
  } finally {
    await rm(dir, { recursive: true });
  }
});
