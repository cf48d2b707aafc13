import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { durationFromMs, timestampFromDate } from "@pointsman/sdk";
import { ConfigKind, ConfigMode, JobState, ResolutionKind } from "@pointsman/sdk/v1";
import { parseDevices } from "../../src/cli/devices/device-import.js";
import { bytes, duration, stateName, time, waitingName, whyName, workName } from "../../src/cli/terminal/format.js";
import { knownHostKeys } from "../../src/cli/devices/known-hosts.js";
import { withoutControls } from "../../src/cli/terminal/output.js";
import { collectStates, parseDuration, parseSince, parseTarget } from "../../src/cli/terminal/parse.js";
import { facts, table } from "../../src/cli/terminal/table.js";

describe("what people write", () => {
  it.each([
    ["30", 30_000],
    ["0.5", 500],
    ["500ms", 500],
    ["90s", 90_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
  ])("duration %s", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(["", "s", "5 m", "1x", "5m!", "-5", "1h-3m"])("no duration: %j", (text) =>
    expect(() => parseDuration(text)).toThrow("is no duration"),
  );

  it("a time, or how long ago", () => {
    const now = new Date("2026-11-20T12:00:00Z");
    expect(parseSince("2h", now).toISOString()).toBe("2026-11-20T10:00:00.000Z");
    expect(parseSince("2026-11-19T08:00:00Z", now).toISOString()).toBe("2026-11-19T08:00:00.000Z");
    expect(parseSince("2028-02-29", now).toISOString()).toBe("2028-02-29T00:00:00.000Z");
    for (const text of ["2026-13-45", "2026-02-29", "2026-04-31T08:00:00Z"]) {
      expect(() => parseSince(text, now)).toThrow("is no time");
    }
  });

  it.each([
    ["r1", { device: "r1" }],
    ["admin@10.0.0.1", { username: "admin", address: "10.0.0.1", port: undefined }],
    ["admin@10.0.0.1:2222", { username: "admin", address: "10.0.0.1", port: 2222 }],
    ["me@corp@core.example", { username: "me@corp", address: "core.example", port: undefined }],
    ["admin@2001:db8::1", { username: "admin", address: "2001:db8::1", port: undefined }],
    ["admin@[2001:db8::1]:830", { username: "admin", address: "2001:db8::1", port: 830 }],
  ])("target %s", (text, target) => expect(parseTarget(text)).toEqual(target));

  it.each(["admin@", "@r1", "admin@r1:", "admin@r1:0", "admin@r1:99999", "admin@[::1", "admin@r1:22:x"])(
    "no target: %j",
    (text) => expect(() => parseTarget(text)).toThrow(),
  );

  it("states in any letter case, one or many", () => {
    expect(collectStates("failed,Expired", [JobState.QUEUED])).toEqual([
      JobState.QUEUED,
      JobState.FAILED,
      JobState.EXPIRED,
    ]);
    expect(() => collectStates("broken")).toThrow("is no state; the states are delayed, queued");
    expect(() => collectStates("unspecified")).toThrow("is no state");
  });
});

describe("what people read", () => {
  it.each([
    [0, "0 ms"],
    [850, "850 ms"],
    [1_234, "1.2 s"],
    [59_949, "59.9 s"],
    [59_960, "1 m"],
    [184_000, "3 m 4 s"],
    [7_500_000, "2 h 5 m"],
    [273_600_000, "3 d 4 h"],
  ])("%i ms: %s", (ms, text) => expect(duration(durationFromMs(ms))).toBe(text));

  it("times with their offset, which read back as the same second", () => {
    const date = new Date("2026-01-02T03:04:05Z");
    expect(time(timestampFromDate(date))).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
    expect(new Date(time(timestampFromDate(date))).getTime()).toBe(date.getTime());
  });

  it("what a configuration does, and whether a doubt is settled", () => {
    const of = (value: object) => workName({ operation: { case: "configure", value } } as never);
    const text = { input: { case: "text", value: "a\nb" }, mode: ConfigMode.APPLY, beforeJob: "" };
    expect(of(text)).toBe("apply: a (+1)");
    expect(of({ ...text, kind: ConfigKind.REPLACE })).toBe("apply, replacing everything: a (+1)");
    expect(of({ ...text, beforeJob: "5h" })).toBe("apply: back to before 5h");
    const lost = { error: { reason: "WORKER_LOST" } };
    expect(whyName(lost as never)).toBe("WORKER_LOST");
    expect(whyName({ ...lost, resolution: { kind: ResolutionKind.NOT_APPLIED } } as never)).toBe(
      "WORKER_LOST, not applied",
    );
  });

  it("names of states and sizes", () => {
    expect(stateName(JobState.INDETERMINATE)).toBe("indeterminate");
    expect(stateName(99)).toBe("99");
    expect([waitingName(0), waitingName(3)]).toEqual(["", "device-busy"]);
    expect([bytes(1023), bytes(4096), bytes(1_572_864)]).toEqual(["1023 B", "4.0 KiB", "1.5 MiB"]);
  });

  it("tables with aligned columns and a line for each row", () => {
    expect(
      table(
        ["a", "long"],
        [
          ["wide cell", "x"],
          ["é", "two\nlines"],
        ],
      ),
    ).toBe("A          LONG\nwide cell  x\né          two lines");
    expect(
      facts([
        ["a", "1"],
        ["none", ""],
        ["longer", "2\n3"],
      ]),
    ).toBe("a       1\nlonger  2\n        3");
  });

  it("no control character but newline and tab", () => {
    expect(withoutControls("a\tb\r\nc\x1b[2J\x07\x7f\u009b31md\0")).toBe("a\tb\nc[2J31md");
  });
});

describe("known_hosts", () => {
  const salt = Buffer.from("0123456789abcdefghij");
  const hash = createHmac("sha1", salt).update("[10.0.0.7]:2222").digest("base64");
  const file = [
    "# comment",
    "10.0.0.1,r1.example ssh-ed25519 AAAAone comment",
    "[10.0.0.1]:2222 ssh-rsa AAAAport",
    "10.0.0.* ssh-rsa AAAAwild",
    "*.example,!r9.example ssh-rsa AAAAdomain",
    `|1|${salt.toString("base64")}|${hash} ssh-ed25519 AAAAhashed`,
    "@cert-authority 10.0.0.1 ssh-rsa AAAAca",
    "10.0.0.5 ssh-rsa AAAAbad",
    "@revoked * ssh-rsa AAAAbad",
  ].join("\n");

  it.each([
    ["10.0.0.1", 22, ["ssh-ed25519 AAAAone", "ssh-rsa AAAAwild"]],
    ["10.0.0.1", 2222, ["ssh-rsa AAAAport"]],
    ["R1.EXAMPLE", 22, ["ssh-ed25519 AAAAone", "ssh-rsa AAAAdomain"]],
    ["r9.example", 22, []],
    ["10.0.0.7", 2222, ["ssh-ed25519 AAAAhashed"]],
    ["10.0.0.5", 22, ["ssh-rsa AAAAwild"]],
    ["10x0.0.1", 22, []],
  ])("holds for %s port %i: %j", (address, port, keys) => expect(knownHostKeys(file, address, port)).toEqual(keys));
});

describe("an import file", () => {
  it("takes defaults, short forms and the contract's own names", () => {
    const [first, second] = parseDevices(`
defaults: { platform: cisco_ios, credential: lab }
devices:
  - { name: r1, address: 10.0.0.1, labels: { site: 10, spare: true }, host_key_policy: accept-new }
  - { name: r2, address: 10.0.0.2, platform: linux, port: 2222, connectTimeout: 1m30s, hostKeys: ["ssh-rsa AAAA"] }
`);
    expect(first).toMatchObject({
      name: "r1",
      platform: "cisco_ios",
      labels: { site: "10", spare: "true" },
      hostKeyPolicy: 2,
    });
    expect(second).toMatchObject({
      platform: "linux",
      credential: "lab",
      port: 2222,
      connectTimeout: { seconds: 90n },
    });
  });

  it.each([
    ["- { name: r1, adress: x }", 'r1: .*"adress"'],
    ["- { name: r1, port: many }", "r1: .*port"],
    ["- just text", "entry 1 is no device"],
    ["devices: none", "holds no list"],
    ["a: [", "no YAML"],
  ])("is refused with the entry's name: %j", (text, message) =>
    expect(() => parseDevices(text)).toThrow(new RegExp(message)),
  );
});
