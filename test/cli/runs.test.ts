import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type CreateRunRequest,
  type GetRunOutputsRequest,
  type RunOutputSchema,
  RunState,
  RunTargetState,
} from "@pointsman/sdk/v1";
import { describe, expect, it } from "vitest";
import { startServices } from "../sdk/services.js";
import { runCli } from "./run-cli.js";

const id = "0".repeat(26);
const counts = { total: 3, succeeded: 2, failed: 1 };
const run = { id, state: RunState.PARTIAL, counts, batches: 2, batch: 2, creator: "ann", reason: "1 failed" };
const nowhere = { url: "http://127.0.0.1:1" };

describe("exec with a selector", () => {
  it("makes one run of its options, follows it to its end and sums it up", async () => {
    const seen: CreateRunRequest[] = [];
    const server = await startServices({
      runs: {
        createRun(request) {
          seen.push(request);
          return { run, rejections: [{ index: 3, target: "r9", reason: "DEVICE_NOT_FOUND", message: "no device r9" }] };
        },
        async *watchRun() {
          yield { item: { case: "run", value: { ...run, state: RunState.RUNNING, batch: 1 } } };
          const target = { index: 1, target: "r2", state: RunTargetState.FAILED, error: { reason: "DISCONNECTED" } };
          yield { item: { case: "targetEnded", value: { target, counts } } };
          yield { item: { case: "run", value: run } };
        },
        getRun: () => ({ run }),
      },
    });
    const rollout = ["--canary", "1", "--batch", "10%", "--max-failures", "2", "--max-parallel-by", "site=3"];
    const result = await runCli(
      ["exec", "--selector", "site=fra,role=edge", ...rollout, "--variable", "x=1", "r1", "--", "show", "{{x}}"],
      server,
    );
    expect(seen[0]?.run).toMatchObject({
      devices: ["r1"],
      selector: { labels: { site: "fra", role: "edge" } },
      variables: { x: "1" },
      job: { operation: { case: "commands", value: { commands: [{ command: "show {{x}}" }] } } },
      rollout: {
        canary: 1,
        batch: { case: "batchPercent", value: 10 },
        maxFailures: 2,
        maxParallelByLabel: [{ label: "site", maxParallel: 3 }],
      },
    });
    expect(seen[0]?.requestId).not.toBe("");
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("r9: refused: no device r9 (DEVICE_NOT_FOUND)\n");
    expect(result.stderr).toContain("[####################] 3 of 3, batch 1 of 2, 1 failed\n");
    expect(result.stderr).toContain("r2: failed:  (DISCONNECTED)\n");
    expect(result.stderr).toMatch(/run 0{26} partial: 1 failed\n/);
    expect(result.stderr).toMatch(/STATE +TARGETS\nsucceeded +2\nfailed +1\ntotal +3\n/);
  });

  it("is refused with what only jobs of their own have, and with a batch that is none", async () => {
    for (const [words, text] of [
      [["--selector", "site=fra", "--dedupe-key", "k"], "--dedupe-key is for jobs of their own"],
      [["--selector", "fra"], "--selector must be key=value"],
      [["--select-all", "--batch", "0%"], "--batch must be a whole number"],
      [["--canary", "1"], "no device is named"],
    ] as const) {
      const result = await runCli(["exec", ...words, "--", "show", "clock"], nowhere);
      expect([result.status, result.stderr.includes(text), result.stderr]).toEqual([2, true, result.stderr]);
    }
  });
});

describe("runs", () => {
  it("are listed, shown, paused, resumed, cancelled and retried", async () => {
    const seen: unknown[] = [];
    const answer = (request: object) => {
      seen.push(request);
      return { run };
    };
    const server = await startServices({
      runs: {
        listRuns: (request) => ({ runs: [answer(request).run] }),
        getRun: answer,
        pauseRun: answer,
        resumeRun: answer,
        cancelRun: answer,
        retryRun: answer,
      },
    });
    const list = await runCli(["runs", "list", "--state", "partial", "--label", "a=b"], server);
    expect(list.stdout).toMatch(/ID +STATE +TARGETS/);
    expect(list.stdout).toContain("partial");
    expect(seen.pop()).toMatchObject({ filter: { states: [RunState.PARTIAL], labels: { a: "b" } } });
    expect((await runCli(["runs", "show", id], server)).stdout).toContain("batch       2 of 2");
    expect((await runCli(["runs", "pause", id, "--reason", "lunch"], server)).status).toBe(0);
    expect(seen.pop()).toMatchObject({ id, reason: "lunch" });
    expect((await runCli(["runs", "resume", id], server)).status).toBe(0);
    await runCli(["runs", "cancel", id, "--interrupt-running"], server);
    expect(seen.pop()).toMatchObject({ id, interruptRunning: true });
    expect((await runCli(["runs", "retry", id, "--state", "untouched"], server)).stdout).toBe(`${id}  3 targets\n`);
    expect(seen.pop()).toMatchObject({ id, states: [RunTargetState.UNTOUCHED] });
    expect((await runCli(["runs", "list", "--state", "odd"], nowhere)).stderr).toContain('"odd" is no state');
  });

  it("print what targets gave, name what is missing, and show what differs", async () => {
    const seen: GetRunOutputsRequest[] = [];
    const target = (name: string) => ({ index: 0, target: name, state: RunTargetState.SUCCEEDED });
    const commands = [{ command: "show clock", output: "12:00\n" }];
    const ofNodes: MessageInitShape<typeof RunOutputSchema>[] = [
      { target: target("n1"), result: { result: { case: "shell", value: { stdout: "out\n", stderr: "err\n" } } } },
      { target: target("n2"), result: { result: { case: "http", value: { status: 200, body: "pong" } } } },
    ];
    const server = await startServices({
      runs: {
        getRunOutputs(request) {
          seen.push(request);
          return {
            outputs: [
              {
                target: target("r1"),
                result: { result: { case: "commands", value: { commands } } },
                diff: request.compareWith.case === undefined ? "" : "-11:00\n+12:00\n",
                compared: request.compareWith.case !== undefined,
              },
              { target: target("r2"), missing: "its job runs" },
              ...(request.compareWith.case === undefined ? ofNodes : []),
            ],
          };
        },
      },
    });
    const plain = await runCli(["runs", "outputs", id], server);
    expect(plain.stdout).toBe(
      "== r1\n$ show clock\n12:00\n== r2: missing: its job runs\n== n1\nout\nerr\n== n2\npong\n",
    );
    const compared = await runCli(["runs", "outputs", id, "--diff"], server);
    expect(seen[1]?.compareWith).toEqual({ case: "previous", value: true });
    expect(compared.stdout).toBe("== r1\n-11:00\n+12:00\n== r2: missing: its job runs\n");
  });
});
