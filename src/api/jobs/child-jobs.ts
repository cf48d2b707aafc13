import { create, fromBinary } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import {
  CommandStatus,
  ConfigMode,
  type Job,
  type JobSpec,
  JobSpecSchema,
  OnReject,
  Privilege,
} from "@pointsman/sdk/v1";
import { type ChildEnd, type ChildJobs, ChildRefused, type ChildWork } from "../../domain/child-jobs.js";
import { isFinal } from "../../domain/job-state.js";
import type { JobRecord } from "../../domain/job.js";
import { StoreError } from "../../store/store.js";
import { itemError } from "../calls/item-error.js";
import { validateRequest } from "../calls/validate-request.js";
import { prepareJob } from "./job-create.js";
import { readSurroundings } from "./job-surroundings.js";
import { viewFullJob } from "./job-view.js";
import { waitForEnd } from "./job-wait.js";
import type { JobCreation } from "./job-wish.js";

/** What one child may print, at most: its task holds all of it. */
const mostOutputBytes = 4 * 1024 * 1024;
/** One look at a child may take this long before the next. */
const lookMs = 60_000;
/** What the store says when the same call may be answered otherwise in some seconds. */
const passing = new Set<StoreError["reason"]>([
  "STORE_UNAVAILABLE",
  "STORE_RECONCILING",
  "STORE_UNFIT",
  "NOT_REPLICATED",
]);

/** Jobs that tasks ask for, made by the code that makes those of callers. */
export function createChildJobs(parts: JobCreation): ChildJobs {
  const { store } = parts;
  const { jobs } = store;
  return {
    async prepare({ parent, device, work, number, leftMs }) {
      const spec = specOf(parent, device, work, leftMs);
      const { id, creator, attempt, traceParent = "" } = parent;
      const request = { scope: `task/${id}`, requestId: `${attempt}#${number}` };
      return orRefused(async () => {
        validateRequest(JobSpecSchema, spec, "job");
        const around = await readSurroundings(store, [spec]);
        return prepareJob(parts, around, { spec, field: "job", creator, parent: id, traceParent, ...request });
      });
    },

    async create(job) {
      await orRefused(() => jobs.create(job));
    },

    async ended(id, signal) {
      for (;;) {
        const seen = await waitForEnd(parts, id, lookMs, signal);
        if (!seen) return undefined;
        const { job, output } = seen;
        if (isFinal(job.state)) return endOf(job, await viewFullJob(jobs, job, output));
      }
    },

    async cancel(id, how) {
      await jobs.cancel(id, how).catch((error: unknown) => {
        if (!(error instanceof StoreError && error.reason === "JOB_NOT_FOUND")) throw error;
      });
    },
  };
}

/** What a caller would be told is told to the task; what passes is for whoever calls to try again. */
async function orRefused<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    const passes = error instanceof StoreError && passing.has(error.reason);
    if (passes || !(error instanceof ConnectError || error instanceof StoreError)) throw error;
    const { reason, message } = itemError(error, "");
    throw new ChildRefused(reason, message);
  }
}

/** What its task's job says of waiting, safety and rights holds for it as well; the task's queue is none of its own. */
function specOf(parent: JobRecord, device: string, work: ChildWork, leftMs: number): JobSpec {
  const { priority, durability, liftedCommands, failIfBlocked, maxOutputBytes } = fromBinary(
    JobSpecSchema,
    parent.spec,
  );
  const left = durationFromMs(Math.max(1, Math.ceil(leftMs)));
  return create(JobSpecSchema, {
    target: { case: "device", value: device },
    operation: operationOf(work),
    ...{ priority, durability, liftedCommands, failIfBlocked },
    labels: { ...parent.labels },
    ...{ queueTimeout: left, executionTimeout: left },
    maxOutputBytes: Math.min(maxOutputBytes || mostOutputBytes, mostOutputBytes),
  });
}

function operationOf(work: ChildWork) {
  if (work.kind === "configure") {
    const { lines, plan, save, acceptUnproven } = work;
    return {
      case: "configure" as const,
      value: {
        input: { case: "lines" as const, value: { lines: [...lines] } },
        mode: plan ? ConfigMode.PLAN : ConfigMode.APPLY,
        save: Boolean(save && !plan),
        acceptUnproven: Boolean(acceptUnproven),
      },
    };
  }
  const answers = Object.entries(work.answers).map(([question, answer]) => ({ question, answer }));
  const idleTimeout = durationFromMs(work.idleTimeoutMs);
  const goesOn = work.allowRejected && work.commands.length > 1;
  return {
    case: "commands" as const,
    value: {
      commands: work.commands.map((command) => ({ command, answers, idleTimeout })),
      onReject: goesOn ? OnReject.CONTINUE : OnReject.STOP,
      privilege: work.enable ? Privilege.ENABLE : Privilege.LOGIN,
    },
  };
}

function endOf({ state, effect, error }: JobRecord, { result }: Job): ChildEnd {
  const facts = { state, ...(effect && { effect }), ...(error && { error }) };
  if (result?.result.case === "commands") {
    const ran = result.result.value.commands.filter(
      ({ status }) => status === CommandStatus.OK || status === CommandStatus.REJECTED,
    );
    return {
      ...facts,
      outputLost: ran.some(({ outputExpired }) => outputExpired),
      commands: ran.map(({ output, status, errorLines, duration, exitStatus }) => ({
        output,
        status: status === CommandStatus.OK ? "ok" : "rejected",
        errorLines,
        durationMs: duration ? durationMs(duration) : 0,
        ...(exitStatus === undefined ? {} : { exitStatus }),
      })),
    };
  }
  if (result?.result.case === "configure") {
    const { diff, committed, saved } = result.result.value;
    const configuration = { diff: diff?.text ?? "", committed, saved };
    return { ...facts, commands: [], configuration, outputLost: diff?.expired ?? false };
  }
  return { ...facts, commands: [], outputLost: false };
}
