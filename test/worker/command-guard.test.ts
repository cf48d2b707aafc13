import { describe, expect, test } from "vitest";
import { builtInPlatforms, type CommandRequest, type Session } from "../../src/device/index.js";
import type { CommandRule } from "../../src/domain/command-rules.js";
import { holdToRules } from "../../src/worker/command-guard.js";
import type { ReachableEndpoint } from "../../src/worker/reach.js";
import { answered, attemptAlone, claimOf, specOf } from "./one-attempt.js";

const deny: CommandRule = {
  ...{ name: "no-clear", action: "DENY", patterns: ["clear"], except: [], reason: "", owner: "ann", createMs: 0 },
  ...{ scope: { zones: [], devices: [], labels: {} }, platforms: [], callers: [] },
};
const lines = ["show version", "clear counters"];

describe("a worker", () => {
  test.each([
    ["AT_MOST_ONCE", lines, [deny]],
    ["AT_MOST_ONCE", ["show version", "rel"], []],
    ["IDEMPOTENT", lines, [deny]],
    ["READ_ONLY", ["show version", "show clock"], [{ ...deny, patterns: ["show clock"] }]],
  ] as const)("sends nothing of %s work (%j) of which a line is denied", async (effectClass, sent, commandRules) => {
    const alone = attemptAlone({ job: { effectClass, spec: specOf(sent) }, commandRules });
    expect(await alone.attempt.ended).toBe("FAILED");
    expect(alone.ends).toMatchObject([{ effect: "NONE", error: { reason: "COMMAND_DENIED" }, intendedStep: 0 }]);
    expect(alone.sent).toEqual([]);
  });

  test("sends what no rule denies", async () => {
    const spec = specOf(["show version", "write memory"]);
    const alone = attemptAlone({ job: { spec }, commandRules: [deny] });
    expect(await alone.attempt.ended).toBe("SUCCEEDED");
    expect(alone.sent).toEqual(["show version", "write memory"]);
  });

  test("hands out no session that would send one, whoever asks it to, but the platform's own steps", async () => {
    const sent: string[] = [];
    const run = async ({ command }: CommandRequest) => {
      sent.push(command);
      return answered;
    };
    const plain = { reused: true, mode: "enable", run } as unknown as Session;
    const platform = builtInPlatforms().get("cisco_ios")!;
    const endpoint = { platform, labels: {} } as ReachableEndpoint;
    const session = holdToRules([deny], claimOf().job, endpoint, []).guarded(plain);
    expect(session).toMatchObject({ reused: true, mode: "enable" });
    const bounds = { idleTimeoutMs: 1, totalTimeoutMs: 1, maxOutputBytes: 1 };
    await expect(session.run({ command: "cle counters", ...bounds })).rejects.toMatchObject({
      reason: "COMMAND_DENIED",
    });
    const answers = [{ question: "R1#", answer: "reload" }];
    await expect(session.run({ command: "copy a b", answers, ...bounds })).rejects.toMatchObject({
      metadata: { rule: "built_in", pattern: "reload" },
    });
    await session.run({ command: "clear counters", own: true, ...bounds });
    await session.run({ command: "show clock", ...bounds });
    expect(sent).toEqual(["clear counters", "show clock"]);
  });
});
