import { create, fromBinary, fromJsonString, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, type Timestamp, timestampFromMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  type CommandResult,
  type Job,
  type JobErrorSchema,
  JobResultSchema,
  type JobResult,
  JobSchema,
  JobSpecSchema,
  type ResolutionSchema,
  type ShellResult,
} from "@pointsman/sdk/v1";
import { traceIdOf } from "../../domain/trace-parent.js";
import { isFinal } from "../../domain/job-state.js";
import { isOwnEndpoint } from "../../domain/work-place.js";
import type { Failure, JobRecord, ResolutionRecord, Waiting } from "../../domain/job.js";
import type { JobStore } from "../../store/store.js";
import { deviceText } from "./device-text.js";
import { resultFromEvents } from "./result-from-events.js";
import { effectClassNumbers, effectNumbers, resolutionNumbers, stateNumbers, waitingNumbers } from "./job-enums.js";

/** Jobs without their outputs, as they are now; what they wait for is asked in one round trip. */
export async function viewJobs(store: JobStore, jobs: readonly JobRecord[]): Promise<Job[]> {
  const idle = jobs.filter((job) => job.state === "DELAYED" || job.state === "QUEUED");
  const waiting = new Map<string, Waiting>();
  const reasons = idle.length > 0 ? await store.waiting(idle) : [];
  idle.forEach((job, index) => {
    const reason = reasons[index];
    if (reason) waiting.set(job.id, reason);
  });
  return jobs.map((job) => jobMessage(job, waiting.get(job.id)));
}

/** One job without its outputs. */
export async function viewJob(store: JobStore, job: JobRecord): Promise<Job> {
  return (await viewJobs(store, [job]))[0]!;
}

/**
 * One job with its outputs, and with its transcript where one was kept. The result of one whose worker was lost is what
 * its events tell. `begun`: the beginning of its output, where that was read along with it.
 */
export async function viewFullJob(store: JobStore, job: JobRecord, begun?: Uint8Array): Promise<Job> {
  const view = await viewJob(store, job);
  if (view.result) await fillOutputs(store, job, view.result, begun);
  else if (view.spec && (job.state === "INDETERMINATE" || job.state === "FAILED")) {
    const result = await resultFromEvents(store, job, view.spec);
    if (result) view.result = result;
  }
  if (view.spec?.debug && isFinal(job.state)) {
    view.transcript = new TextDecoder().decode(await store.transcript(job.id));
  }
  return view;
}

/** A job without its outputs. */
export function jobMessage(job: JobRecord, waiting?: Waiting): Job {
  const final = isFinal(job.state);
  const isWaiting = job.state === "DELAYED" || job.state === "QUEUED";
  const readyMs = Math.max(job.createMs, job.startAfterMs ?? 0);
  return create(JobSchema, {
    id: job.id,
    spec: fromBinary(JobSpecSchema, job.spec),
    state: stateNumbers[job.state],
    effectClass: effectClassNumbers[job.effectClass],
    zone: job.zone,
    endpoint: isOwnEndpoint(job.endpoint) ? "" : job.endpoint,
    creator: job.creator,
    traceId: job.traceParent === undefined ? "" : traceIdOf(job.traceParent),
    createTime: timestampFromMs(job.createMs),
    ...time("queueTime", job.queueMs),
    ...time("startTime", job.startMs),
    ...time("endTime", job.endMs),
    ...time("expireTime", isWaiting ? job.expireMs : undefined),
    ...(waiting && {
      waitingReason: waitingNumbers[waiting.reason],
      blockingJob: waiting.blockingJob ?? "",
      blockingLimit: waiting.limit ?? "",
      blockingPolicy: waiting.policy ?? "",
      ...time("frozenUntil", waiting.untilMs),
      position: waiting.position,
      ...time("retryTime", waiting.reason === "RETRY" || waiting.reason === "BREAKER_OPEN" ? job.retryMs : undefined),
    }),
    worker: job.worker ?? "",
    attempts: job.attempts.map((attempt) => ({
      number: attempt.number,
      worker: attempt.worker,
      fence: BigInt(attempt.fence),
      ...time("startTime", attempt.startMs),
      ...time("endTime", attempt.endMs),
      ...(attempt.error && { error: errorMessage(attempt.error) }),
    })),
    ...(job.error && { error: errorMessage(job.error) }),
    ...(final && job.effect && { effect: effectNumbers[job.effect] }),
    lastIntendedStep: job.intendedStep,
    lastConfirmedStep: job.confirmedStep,
    ...(job.result && { result: fromBinary(JobResultSchema, job.result) }),
    ...(job.resolution && { resolution: resolutionMessage(job.resolution) }),
    lastEvent: job.lastEvent,
    outputBytes: job.outputBytes,
    cancelRequested: job.cancelRequested,
    retryOf: job.retryOf ?? "",
    retriedBy: job.retriedBy ?? "",
    parentJob: job.parent ?? "",
    ...(job.run && { run: job.run.id, runTarget: job.run.index }),
    ...time("deleteTime", job.deleteMs),
    ...(job.firstStartMs !== undefined && { waitDuration: durationFromMs(Math.max(0, job.firstStartMs - readyMs)) }),
    ...(final &&
      job.startMs !== undefined &&
      job.endMs !== undefined && { runDuration: durationFromMs(Math.max(0, job.endMs - job.startMs)) }),
  });
}

/** Why work failed, as the contract says it. */
export function errorMessage(failure: Failure): MessageInitShape<typeof JobErrorSchema> {
  return {
    reason: failure.reason,
    message: failure.message,
    deviceMessage: failure.deviceMessage ?? "",
    tail: failure.tail ?? "",
    expected: failure.expected ?? "",
    mode: failure.mode ?? "",
    metadata: { ...failure.metadata },
  };
}

/** A verdict, as the contract says it. */
export function resolutionMessage(resolution: ResolutionRecord): MessageInitShape<typeof ResolutionSchema> {
  return {
    kind: resolutionNumbers[resolution.kind],
    resolver: resolution.resolver,
    reason: resolution.reason,
    time: timestampFromMs(resolution.timeMs),
    rerunJob: resolution.rerunJob ?? "",
  };
}

/** A field that is left out where there is no time. */
function time<Name extends string>(name: Name, ms: number | undefined): { [K in Name]?: Timestamp } {
  return (ms === undefined ? {} : { [name]: timestampFromMs(ms) }) as { [K in Name]?: Timestamp };
}

/**
 * Adds the outputs. A job's output is all its attempts' outputs, one behind the other; the result is the last attempt's,
 * whose texts are the last bytes, in the order in which they came.
 */
async function fillOutputs(
  store: JobStore,
  job: JobRecord,
  result: JobResult,
  begun: Uint8Array = new Uint8Array(),
): Promise<void> {
  const texts = textsOf(result);
  const read = async (from: number, length: number): Promise<Uint8Array | undefined> =>
    from + length <= begun.length ? begun.subarray(from, from + length) : await store.output(job.id, from, length);
  let offset = job.outputBytes - texts.reduce((sum, text) => sum + text.bytes, 0);
  for (const text of texts) {
    if (text.bytes === 0) continue;
    const bytes = offset < 0 || job.outputCut ? undefined : await read(offset, text.bytes);
    if (bytes) text.fill(deviceText(bytes));
    else text.expire();
    offset += text.bytes;
  }
}

/** A place for a text that is kept in the output. */
interface TextPlace {
  readonly bytes: number;
  fill(text: string): void;
  expire(): void;
}

function textsOf({ result }: JobResult): TextPlace[] {
  if (result.case === "commands") {
    return result.value.commands.map(commandText);
  }
  if (result.case === "shell") return printedTexts(result.value);
  if (result.case === "http") {
    const call = result.value;
    const fill = (text: string): void => void (call.body = text);
    return [{ bytes: call.bodyBytes, fill, expire: () => void (call.bodyExpired = true) }];
  }
  if (result.case === "task") {
    const task = result.value;
    const answer = {
      bytes: task.outputBytes,
      fill: (text: string): void => void (task.output = fromJsonString(ValueSchema, text)),
      expire: () => void (task.outputExpired = true),
    };
    return [...task.commands.map(commandText), answer];
  }
  if (result.case !== "configure") return [];
  const { before, checks, lines, diff, after } = result.value;
  const checked = (late: boolean) => checks.flatMap((check) => (check.after === late ? [check.output] : []));
  const texts = [before, ...checked(false), ...lines.map(({ output }) => output), diff, ...checked(true), after];
  return texts.flatMap((place) =>
    place === undefined
      ? []
      : [
          {
            bytes: place.bytes,
            fill: (text: string) => void (place.text = text),
            expire: () => void (place.expired = true),
          },
        ],
  );
}

function commandText(command: CommandResult): TextPlace {
  return {
    bytes: command.outputBytes,
    fill: (text) => void (command.output = text),
    expire: () => void (command.outputExpired = true),
  };
}

/** What a program printed came from two streams in turn: each piece goes to its own. */
function printedTexts(shell: ShellResult): TextPlace[] {
  return shell.pieces.map((length) => ({
    bytes: Math.abs(length),
    fill: (text) => {
      if (length > 0) shell.stdout += text;
      else shell.stderr += text;
    },
    expire: () => void (shell.outputExpired = true),
  }));
}
