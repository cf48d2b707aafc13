import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { create, timestampFromDate } from "@pointsman/sdk";
import {
  JobSchema,
  JobState,
  LockScope,
  WaitingReason,
  type Job,
  type JobService,
  type QueueService,
} from "@pointsman/sdk/v1";
import { time } from "../../src/cli/terminal/format.js";
import { eventually } from "../support/eventually.js";
import { jobId } from "../sdk/scripted-job.js";
import { serviceError } from "../sdk/scripted-server.js";
import { startServices, type Services } from "../sdk/services.js";
import { runCli, startCli } from "./run-cli.js";

const noon = timestampFromDate(new Date("2026-11-20T12:00:00Z"));
const onDevice = {
  target: { case: "device" as const, value: "r1" },
  operation: { case: "commands" as const, value: { commands: [{ command: "show version" }] } },
};
const blocker = jobId(9);

function waiting(
  reason: WaitingReason,
  more: Omit<Exclude<MessageInitShape<typeof JobSchema>, Job>, "$typeName"> = {},
): Job {
  const state = JobState.QUEUED;
  return create(JobSchema, { id: jobId(1), state, zone: "default", spec: onDevice, waitingReason: reason, ...more });
}

/** What `pointsman job` says behind "waits", when the service holds this job and answers like that. */
async function waitsOf(
  job: Job,
  services: Services & { readonly jobs?: Partial<ServiceImpl<typeof JobService>> } = {},
): Promise<string> {
  const { getJob } = services.jobs ?? {};
  const server = await startServices({
    ...services,
    jobs: {
      ...services.jobs,
      getJob: (request, context) => (request.id === job.id ? { job } : getJob!(request, context)),
    },
  });
  const { stdout, status } = await runCli(["job", job.id], server);
  expect(status).toBe(0);
  return /^waits +(.*)$/m.exec(stdout)?.[1] ?? "";
}

const queuesWith = (
  pauses: Record<string, { caller: string; reason: string }>,
): Partial<ServiceImpl<typeof QueueService>> => ({
  getQueue: ({ name, zone }) => ({
    queue: { name, zone, ...(pauses[name] ? { pause: { ...pauses[name], time: noon } } : {}) },
  }),
});

describe("a job that waits says in one sentence why, and what to do", () => {
  it("behind a running job: which, what it does, since when, and the place in line", async () => {
    const running = { id: blocker, state: JobState.RUNNING, spec: onDevice, startTime: noon };
    const jobs = { getJob: () => ({ job: running }) };
    const next = waiting(WaitingReason.DEVICE_BUSY, { blockingJob: blocker, position: 1 });
    expect(await waitsOf(next, { jobs })).toBe(
      `job ${blocker} (show version) runs on r1 since ${time(noon)}; this one is next`,
    );
    const third = waiting(WaitingReason.DEVICE_BUSY, { blockingJob: blocker, position: 3 });
    expect(await waitsOf(third, { jobs: { getJob: () => ({ job: { ...running, state: JobState.QUEUED } }) } })).toBe(
      `job ${blocker} (show version) comes before it on r1; this one has place 3 in line`,
    );
  });

  it("of a held device: for which job, and how to resolve it", async () => {
    const said = await waitsOf(waiting(WaitingReason.HELD, { blockingJob: blocker }));
    expect(said).toContain(`device r1 is held for job ${blocker}, whose outcome is unknown`);
    expect(said).toContain(`\`pointsman resolve ${blocker} applied|not-applied|rerun --reason …\``);
  });

  it("of a locked device: by whom, for what, until when, why, and who opens it", async () => {
    const lock = { owner: "ann", scope: LockScope.ALL, reason: "card swap", time: noon, expireTime: noon };
    const devices = { getDevice: () => ({ device: { name: "r1", status: { lock } } }) };
    expect(await waitsOf(waiting(WaitingReason.LOCKED), { devices })).toBe(
      `device r1 is locked by ann for all work, since ${time(noon)}, until ${time(noon)}: card swap; ` +
        "ann opens it with `pointsman devices unlock r1`, an admin with --force",
    );
  });

  it("of a paused queue: which of the two it is in, by whom and why", async () => {
    const spec = { ...onDevice, queue: "backups" };
    const job = waiting(WaitingReason.PAUSED, { zone: "lab", spec, blockingLimit: "queue/backups" });
    const pause = { caller: "ann", reason: "vendor" };
    expect(await waitsOf(job, { queues: queuesWith({ backups: pause }) })).toBe(
      `queue backups is paused by ann since ${time(noon)}: vendor; \`pointsman queues resume backups --zone lab\` opens it`,
    );
    const line = waiting(WaitingReason.PAUSED, { zone: "lab", spec });
    expect(await waitsOf(line, { queues: queuesWith({ "device/r1": pause }) })).toContain(
      "`pointsman queues resume device/r1` opens it",
    );
  });

  it("of a full limit: which, what it lets run, and how many do", async () => {
    const counted: unknown[] = [];
    const services: Services = {
      queues: {
        listLimits: ({ zones }) => ({
          limits: [
            { name: "caller/bob", maxRunning: 1 },
            { name: "caller/ann", maxRunning: 9 },
            { name: "label/role", maxRunning: 1 },
            { name: "label/site", maxRunning: 2 },
            { name: "queue/other", maxRunning: 1 },
          ].map((limit) => ({ ...limit, zone: zones[0] ?? "" })),
        }),
      },
      jobs: {
        countJobs({ filter }) {
          counted.push(filter);
          return { total: filter?.labels["site"] === "ber" ? 2 : 1 };
        },
      },
    };
    const spec = { ...onDevice, labels: { site: "ber" } };
    const full = { blockingLimit: "label/site=ber", position: 4 };
    const job = waiting(WaitingReason.LIMIT, { zone: "lab", creator: "ann", spec, ...full });
    expect(await waitsOf(job, services)).toBe(
      "the limit label/site lets 2 jobs with site=ber run at a time, and 2 do; this one has place 4; " +
        "`pointsman limits set label/site MAX --zone lab` changes it",
    );
    expect(counted).toMatchObject([
      { labels: { site: "ber" }, zones: ["lab"], states: [JobState.RUNNING, JobState.CANCELLING] },
    ]);
  });

  it("of a zone without a worker: which, and how to start one there", async () => {
    expect(await waitsOf(waiting(WaitingReason.NO_WORKER, { zone: "lab" }))).toBe(
      "no live worker takes work of zone lab; start one with `POINTSMAN_ZONES=lab pointsman worker`, or resume one that is suspended",
    );
  });

  it("of time: until its start, or until it is tried again and after what", async () => {
    const later = waiting(WaitingReason.START_TIME, { spec: { ...onDevice, startTime: noon } });
    expect(await waitsOf(later)).toBe(`its start time, ${time(noon)}, has not come`);
    const error = { reason: "DEVICE_UNREACHABLE", message: "no answer" };
    const attempts = [{ number: 2, error }];
    const again = waiting(WaitingReason.RETRY, { state: JobState.DELAYED, attempts, retryTime: noon });
    expect(await waitsOf(again)).toBe(
      `attempt 2 failed: no answer (DEVICE_UNREACHABLE); it is tried again at ${time(noon)}`,
    );
  });

  it("still says why when who and what cannot be had", async () => {
    const refuse = (): never => {
      throw serviceError(Code.NotFound, "DEVICE_NOT_FOUND", "no device r1");
    };
    const devices = { getDevice: refuse };
    expect(await waitsOf(waiting(WaitingReason.LOCKED), { devices })).toBe(
      "somebody has locked device r1; `pointsman devices unlock r1` opens it",
    );
    const queues = { getQueue: refuse, listLimits: refuse };
    expect(await waitsOf(waiting(WaitingReason.PAUSED), { queues })).toBe(
      "queue device/r1 is paused; `pointsman queues resume device/r1` opens it",
    );
    const full = waiting(WaitingReason.LIMIT, { blockingLimit: "queue/backups" });
    expect(await waitsOf(full, { queues, jobs: { countJobs: refuse } })).toBe(
      "the limit queue/backups lets no more jobs in queue backups run at a time; `pointsman limits set queue/backups MAX` changes it",
    );
    const busy = waiting(WaitingReason.DEVICE_BUSY, { blockingJob: blocker, position: 1 });
    expect(await waitsOf(busy, { jobs: { getJob: refuse } })).toBe(
      `job ${blocker} comes before it on r1; this one is next`,
    );
    expect(await waitsOf(waiting(77 as WaitingReason))).toBe("77");
  });

  it("is told by exec and watch too, when one job is followed", async () => {
    const held = waiting(WaitingReason.HELD, { blockingJob: blocker });
    const server = await startServices({
      jobs: {
        getJob: () => ({ job: held }),
        async *watchJob(_, context) {
          yield { cursor: "1", item: { case: "snapshot", value: held } };
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        },
      },
    });
    const cli = startCli(["watch", held.id], server);
    await eventually(() =>
      expect(cli.stderr()).toContain(`r1: job ${held.id} waits: device r1 is held for job ${blocker}`),
    );
    cli.interrupt();
    await cli.done;
  });
});
