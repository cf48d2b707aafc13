import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type GetLatestOutputRequest,
  GetLatestOutputRequestSchema,
  type GetLatestOutputResponse,
  GetLatestOutputResponseSchema,
  GetRunOutputsRequestSchema,
  MissingOutputSchema,
  type RunOutput,
  RunState,
  type TargetOutput,
  TargetOutputSchema,
} from "@pointsman/sdk/v1";
import { problem } from "../../errors.js";
import type { ScheduleRecord, Store } from "../../store/store.js";
import { listKey, readPageToken, writePageToken } from "../page-token.js";
import { lacksOutput, printedBy } from "../jobs/printed.js";
import { readOutputs } from "../runs/run-outputs.js";

/** What the targets gave in the latest run of a schedule: the latest complete one, or the latest as far as it is. */
export async function readLatestOutput(
  store: Pick<Store, "runs" | "jobs">,
  schedule: ScheduleRecord,
  request: GetLatestOutputRequest,
): Promise<GetLatestOutputResponse> {
  const about = { name: request.name, partial: request.partial };
  const key = listKey("GetLatestOutput", GetLatestOutputRequestSchema, create(GetLatestOutputRequestSchema, about));
  const place = readPageToken(key, 2, request.pageToken);
  const id = place?.[0] ?? (request.partial ? schedule.lastRun : schedule.completeRun);
  if (id === undefined) throw nothingYet(schedule, request.partial);
  if (!(await store.runs.get(id))) {
    const message = `run ${id}, the latest of schedule ${schedule.name}, is no longer kept, and its output is gone with it`;
    throw problem("RUN_NOT_FOUND", message, { metadata: { schedule: schedule.name, run: id } });
  }
  const page = await readOutputs(
    store,
    create(GetRunOutputsRequestSchema, { id, pageSize: request.pageSize, pageToken: place?.[1] ?? "" }),
  );
  const { run } = page;
  const complete = run?.endTime !== undefined && run.state !== RunState.CANCELLED && run.counts?.untouched === 0;
  const given = page.outputs.filter(({ result }) => result !== undefined && !lacksOutput(result));
  return create(GetLatestOutputResponseSchema, {
    ...(run && { run }),
    ...(run?.scheduledTime && { scheduledTime: run.scheduledTime }),
    complete,
    ...(complete && run.endTime && { completionTime: run.endTime }),
    outputs: given.map(viewOutput),
    missing: page.outputs
      .filter((output) => !given.includes(output))
      .map(({ target, result, missing }) =>
        create(MissingOutputSchema, {
          ...{ target: target?.target ?? "", job: target?.jobId ?? "", state: target?.state ?? 0 },
          reason: result ? "its output is no longer kept: it was removed to make room" : missing,
        }),
      ),
    nextPageToken: page.nextPageToken === "" ? "" : writePageToken(key, [id, page.nextPageToken]),
  });
}

function nothingYet({ name, lastRun, lastRunMs }: ScheduleRecord, partial: boolean): Error {
  const started = lastRunMs === undefined ? "" : timestampFromMs(lastRunMs).seconds.toString();
  const message =
    lastRun === undefined
      ? `no run of schedule ${name} was started yet`
      : `no run of schedule ${name} is complete yet; ask for the latest as far as it is (partial)`;
  const metadata = { schedule: name, ...(!partial && lastRun !== undefined && { run: lastRun, started }) };
  return problem("NO_OUTPUT_YET", message, { metadata });
}

function viewOutput({ target, result }: RunOutput): TargetOutput {
  const { stdout, stderr, exitStatus } = printedBy(result!);
  return create(TargetOutputSchema, {
    ...{ target: target?.target ?? "", job: target?.jobId ?? "", state: target?.state ?? 0, stdout, stderr },
    ...(exitStatus !== undefined && { exitStatus }),
    ...(result && { result }),
    ...(target?.error && { error: target.error }),
  });
}
