import { toJson } from "@bufbuild/protobuf";
import { JobSchema, RunSchema } from "@pointsman/sdk/v1";
import { holdReason } from "../../domain/hold.js";
import type { JobRecord } from "../../domain/job.js";
import type { RunRecord } from "../../domain/run.js";
import type { HookFacts } from "../../domain/webhook.js";
import type { HookEvent, Store } from "../../store/store.js";
import { jobMessage } from "../jobs/job-view.js";
import { viewRun } from "../runs/run-view.js";

/** An event with what a filter can ask for, and what is told of it. */
export interface DescribedEvent {
  readonly event: HookEvent;
  readonly facts: HookFacts;
  /** What it is about, for people: the id of a job or a run, or the name of a device. */
  readonly subject: string;
  /** What is posted, JSON. Neither what was to be done nor its result: whoever wants them asks for them, with a key. */
  readonly body: string;
}

/** Says of events what they are about. What retention has purged meanwhile is told by its id alone. */
export type DescribeEvents = (events: readonly HookEvent[]) => Promise<readonly DescribedEvent[]>;

export function createDescribeEvents(store: Pick<Store, "jobs" | "runs" | "devices">): DescribeEvents {
  async function jobsOf(ids: readonly string[]): Promise<ReadonlyMap<string, JobRecord>> {
    const found = ids.length > 0 ? await store.jobs.getMany(ids) : [];
    return new Map(found.flatMap((job) => (job ? [[job.id, job] as const] : [])));
  }

  async function runsOf(ids: readonly string[]): Promise<ReadonlyMap<string, RunRecord>> {
    const found = await Promise.all(ids.map((id) => store.runs.get(id)));
    return new Map(found.flatMap((run) => (run ? [[run.id, run] as const] : [])));
  }

  function job(event: HookEvent, known: JobRecord | undefined): DescribedEvent {
    const { kind, subject, zone = "" } = event;
    if (!known) return described(event, { kind, zone }, subject, { job: { id: subject } });
    const { labels, queue, device, node, type, address } = known;
    const facts = {
      ...{ kind, zone, labels },
      ...(queue !== undefined && { queue }),
      ...(device !== undefined && { device }),
    };
    // What was to be done, and what came out of it, is not told, so it is not read either.
    const { result: _result, ...told } = { ...known, spec: new Uint8Array() };
    const { spec: _spec, ...view } = toJson(JobSchema, jobMessage(told)) as { readonly spec: unknown };
    const target = { ...(device !== undefined && { device }), ...(node !== undefined && { node }) };
    return described(event, facts, subject, {
      job: {
        ...view,
        type,
        ...target,
        ...(address !== "" && { address }),
        ...(queue !== undefined && { queue }),
        labels,
      },
    });
  }

  function run(event: HookEvent, known: RunRecord | undefined): DescribedEvent {
    const { kind, subject } = event;
    if (!known) return described(event, { kind }, subject, { run: { id: subject } });
    const { labels } = known;
    const told = { ...known, spec: new Uint8Array() };
    const { spec: _spec, ...view } = toJson(RunSchema, viewRun(told)) as { readonly spec: unknown };
    return described(event, { kind, labels }, subject, { run: { ...view, labels } });
  }

  async function device(event: HookEvent): Promise<DescribedEvent> {
    const { kind, zone = "" } = event;
    const [hold = "", , ...rest] = event.subject.split(" ");
    const endpoint = rest.join(" ");
    const [name] = await store.devices.namesAt(zone, [endpoint]);
    const known = name === undefined ? undefined : await store.devices.get(name);
    const facts = { kind, zone, ...(name !== undefined && { device: name }), ...(known && { labels: known.labels }) };
    const told = { ...(name !== undefined && { name }), endpoint, zone, hold: holdReason(hold) };
    return described(event, facts, name ?? endpoint, { device: told });
  }

  return async (events) => {
    const subjects = (prefix: string): string[] =>
      events.flatMap(({ kind, subject }) => (kind.startsWith(prefix) ? [subject] : []));
    const [jobs, runs] = await Promise.all([jobsOf(subjects("job.")), runsOf(subjects("run."))]);
    return Promise.all(
      events.map(async (event) => {
        if (event.kind.startsWith("job.")) return job(event, jobs.get(event.subject));
        return event.kind.startsWith("run.") ? run(event, runs.get(event.subject)) : device(event);
      }),
    );
  };
}

function described(event: HookEvent, facts: HookFacts, subject: string, data: object): DescribedEvent {
  const timestamp = new Date(event.timeMs).toISOString();
  return { event, facts, subject, body: JSON.stringify({ type: event.kind, timestamp, data }) };
}
