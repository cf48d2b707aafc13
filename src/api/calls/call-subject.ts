import type { DescMethod, Message } from "@bufbuild/protobuf";
import { JobService, RunService } from "@pointsman/sdk/v1";
import type { CallSubject } from "./call-context.js";

/** Jobs of a batch that are named at most. */
const mostJobs = 100;

/** Notes what a request names by `id`. Call it with requests that were checked: what is no id is not for the log. */
export function noteRequest(subject: CallSubject, method: DescMethod, request: Message): void {
  const { id } = request as { readonly id?: unknown };
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
