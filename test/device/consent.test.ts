import { expect, test } from "vitest";
import { builtInPlatforms, confirmationProblem, missingConsent, parsePlatform } from "../../src/device/index.js";

const rules = (evidence: string, more = ""): ReturnType<typeof parsePlatform>["configuration"] & object => {
  const { configuration } = parsePlatform(`
name: x
description: x
channel: shell
prompts: { enable: '^(?<host>r)#$', config: '^(?<host>r)\\(config\\)#$' }
configure:
  evidence: ${evidence}
  base: enable
  mode: config
  enter: { send: conf }
  leave: { send: end }
  running: { send: show }
  save: { evidence: documents, send: save }
  confirmed:
    ${more === "" ? "" : more}
    evidence: real_cli
    enter: { send: conf timer }
    confirm: { send: confirm }
    session: new
    min_seconds: 1
    max_seconds: 2
`);
  if (!configuration) throw new Error("no configuration");
  return configuration;
};
const wish = { changes: true, confirmed: false, save: false, acceptUnproven: false, acceptReboot: false };

test("each part that is known from documents only needs consent, and no other does", () => {
  expect(missingConsent("x", rules("real_cli"), wish)).toBeUndefined();
  expect(missingConsent("x", rules("recorded"), wish)).toBeUndefined();
  expect(missingConsent("x", rules("documents"), wish)).toContain("configuring on x is known from documents only");
  expect(missingConsent("x", rules("real_cli"), { ...wish, save: true })).toContain("saving on x");
  expect(missingConsent("x", rules("documents"), { ...wish, save: true, acceptUnproven: true })).toBeUndefined();
});

test("a plan that only reads needs none; one that types into a candidate does", () => {
  expect(missingConsent("x", rules("documents"), { ...wish, changes: false })).toBeUndefined();
  const step = { send: "x", mode: undefined, answers: [], expect: undefined };
  const candidate = { diff: step, check: undefined, commit: step, discard: step, empty: undefined };
  expect(missingConsent("x", { ...rules("documents"), candidate }, { ...wish, changes: false })).toContain(
    "configuring",
  );
});

test("a timer that reboots the device needs a consent of its own", () => {
  const reboots = rules("real_cli", "reboots: true");
  expect(missingConsent("x", reboots, wish)).toBeUndefined();
  const confirmed = { ...wish, confirmed: true, acceptUnproven: true };
  expect(missingConsent("x", reboots, confirmed)).toContain("accept_reboot");
  expect(missingConsent("x", reboots, { ...confirmed, acceptReboot: true })).toBeUndefined();
});

test("one session at a time cannot confirm what its end takes back; what it leaves running, another one can", () => {
  const asked = (name: string, maxSessions: number | undefined) =>
    confirmationProblem(name, builtInPlatforms().get(name)!.configuration!, maxSessions);
  expect(asked("huawei_vrp8", 1)).toMatch(/a second one has to confirm it, and max_sessions is 1$/);
  expect(asked("huawei_vrp8", 2)).toBeUndefined();
  expect(asked("huawei_vrp8", undefined)).toBeUndefined();
  expect(asked("juniper_junos", 1)).toBeUndefined();
});
