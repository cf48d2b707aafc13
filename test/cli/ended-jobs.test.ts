import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { timestampFromDate } from "@pointsman/sdk";
import { JobOrder, JobState } from "@pointsman/sdk/v1";
import { jobId } from "../sdk/scripted-job.js";
import { serviceError } from "../sdk/scripted-server.js";
import { startServices } from "../sdk/services.js";
import { runCli } from "./run-cli.js";

const noon = timestampFromDate(new Date("2026-11-20T12:00:00Z"));
const nowhere = { url: "http://127.0.0.1:1" };

describe("retry", () => {
  async function start() {
    const seen: { ids: string[]; states: JobState[]; devices: string[] }[] = [];
    const server = await startServices({
      jobs: {
        retryJobs({ filter }) {
          const { ids = [], states = [], devices = [] } = filter ?? {};
          seen.push({ ids, states, devices });
          const refusal = { code: "failed_precondition", reason: "JOB_NOT_FINAL", message: "it runs" };
          return {
            retriedCount: 1,
            results: [
              { id: jobId(1), result: { case: "retriedBy", value: jobId(11) } },
              { id: jobId(2), result: { case: "error", value: refusal } },
            ],
          };
        },
      },
    });
    return { server, seen };
  }

  it("says what became of each, names ids that are not known, and ends with 1 for refusals", async () => {
    const { server, seen } = await start();
    const result = await runCli(["retry", jobId(1), jobId(2), jobId(3)], server);
    expect(result).toEqual({
      status: 1,
      stdout: `${jobId(1)}  is done again as ${jobId(11)}\n`,
      stderr: `${jobId(2)}: error: it runs (JOB_NOT_FINAL)\nerror: no job ${jobId(3)}\n1 done again\n`,
    });
    expect(seen[0]?.ids).toEqual([1, 2, 3].map(jobId));
    const json = await runCli(["retry", "--state", "failed", "--device", "r1", "--json"], server);
    expect(seen[1]).toEqual({ ids: [], states: [JobState.FAILED], devices: ["r1"] });
    expect(JSON.parse(json.stdout)).toEqual({
      retriedCount: 1,
      results: [
        { id: jobId(1), retriedBy: jobId(11) },
        { id: jobId(2), error: { code: "failed_precondition", reason: "JOB_NOT_FINAL", message: "it runs" } },
      ],
      unknown: [],
    });
  });

  it("does nothing again that was not meant: by options, the states are named", async () => {
    expect((await runCli(["retry"], nowhere)).status).toBe(2);
    expect((await runCli(["retry", jobId(1), "--state", "failed"], nowhere)).status).toBe(2);
    expect(await runCli(["retry", "--device", "r1"], nowhere)).toMatchObject({
      status: 2,
      stderr: "error: which ends are meant? say --state failed, for instance\n",
    });
  });
});

describe("delete and undelete", () => {
  it("mark each job; one that is refused hinders no other", async () => {
    const server = await startServices({
      jobs: {
        deleteJob({ id }) {
          if (id === jobId(2)) throw serviceError(Code.FailedPrecondition, "JOB_NOT_FINAL", "it runs");
          return { job: { id, deleteTime: noon } };
        },
        undeleteJob: ({ id }) => ({ job: { id } }),
      },
    });
    expect(await runCli(["delete", ...[1, 2, 3].map(jobId)], server)).toEqual({
      status: 1,
      stdout: `${jobId(1)}  deleted\n${jobId(3)}  deleted\n`,
      stderr: `${jobId(2)}: error: it runs (JOB_NOT_FINAL)\n`,
    });
    expect(await runCli(["delete", jobId(2)], server)).toMatchObject({
      status: 1,
      stderr: "error: it runs (JOB_NOT_FINAL)\n",
    });
    expect((await runCli(["undelete", jobId(1)], server)).stdout).toBe(`${jobId(1)}  back in lists\n`);
    const json = await runCli(["delete", jobId(1), jobId(2), "--json"], server);
    expect(JSON.parse(json.stdout)).toMatchObject({
      results: [{ id: jobId(1), job: { deleteTime: "2026-11-20T12:00:00Z" } }, { error: { reason: "JOB_NOT_FINAL" } }],
    });
  });

  it("stop at once when the service does not answer", async () => {
    const server = await startServices({});
    await server.close();
    const result = await runCli(["delete", jobId(1), jobId(2)], server);
    expect(result.stderr.match(/error:/g)).toHaveLength(1);
  });
});

describe("jobs", () => {
  it("are listed by their end and with the deleted ones only when asked", async () => {
    const seen: unknown[] = [];
    const server = await startServices({
      jobs: {
        listJobs({ filter, orderBy }) {
          seen.push([orderBy, filter?.showDeleted, filter?.queues]);
          return { jobs: [{ id: jobId(1), state: JobState.FAILED, deleteTime: noon }] };
        },
        countJobs({ filter }) {
          seen.push(filter?.showDeleted);
          return {};
        },
      },
    });
    const ended = await runCli(["jobs", "--order", "ended", "--deleted", "--queue", "backups"], server);
    expect(ended.stdout).toContain("failed, deleted");
    await runCli(["jobs"], server);
    await runCli(["jobs", "count", "--deleted"], server);
    expect(seen).toEqual([[JobOrder.ENDED, true, ["backups"]], [JobOrder.CREATED, false, []], true]);
    expect((await runCli(["jobs", "--order", "size"], nowhere)).status).toBe(2);
  });
});
