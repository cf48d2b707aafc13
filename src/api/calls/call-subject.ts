import type { DescMethod, Message } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { JobService, RunService, WorkerService } from "@pointsman/sdk/v1";
import type { CallSubject } from "./call-context.js";

/** Methods that wait also when they are not told how long. */
const waiting: ReadonlySet<DescMethod> = new Set([
  WorkerService.method.stopWorkers,
  WorkerService.method.closeSessions,
]);
/** Jobs of a batch that are named at most. */
const mostJobs = 100;

/**
 * Notes what a request names by `id`, and whether it asks to wait. Call it with requests that were checked: what is no id
 * is not for the log.
 */
export function noteRequest(subject: CallSubject, method: DescMethod, request: Message): void {
  const { id, waitTimeout } = request as { readonly id?: unknown; readonly waitTimeout?: Duration };
  if (waitTimeout ? durationMs(waitTimeout) > 0 : waiting.has(method)) subject.waits = true;
  if (typeof id !== "string" || id === "") return;
  if (method.parent.typeName === JobService.typeName) subject.job = id;
  else if (method.parent.typeName === RunService.typeName) subject.run = id;
}

/** Notes the job or the run that an answer tells of, and the jobs that a batch created. */
export function noteAnswer(subject: CallSubject, method: DescMethod, answer: Message): void {
  const { job, run } = answer as { readonly job?: { readonly id?: string }; readonly run?: { readonly id?: string } };
  if (job?.id) subject.job = job.id;
  if (run?.id) subject.run = run.id;
  if (method === JobService.method.batchCreateJobs) {
    const { results } = answer as { readonly results?: readonly { readonly result: { readonly value?: unknown } }[] };
    const ids = (results ?? []).map(({ result }) => (result.value as { readonly id?: string } | undefined)?.id);
    subject.jobs = ids.filter((id) => id !== undefined).slice(0, mostJobs);
  }
}
