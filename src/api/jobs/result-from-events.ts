import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  CommandStatus,
  type CommandResultSchema,
  type ConfigLineResultSchema,
  type JobResult,
  JobResultSchema,
  type JobSpec,
  RetainOutput,
} from "@pointsman/sdk/v1";
import type { EventRecord } from "../../domain/job-event.js";
import type { JobRecord } from "../../domain/job.js";
import type { JobStore } from "../../store/store.js";
import { deviceText } from "./device-text.js";
import { commandStatusNumbers } from "./job-enums.js";

/** Kinds of operation whose events tell of command lines. */
const withSteps = new Set<string>(["commands", "configure", "task"]);
/** A text that is cut ends with a whole character. Bytes. */
const longestCharacter = 4;
/** Events read at a time. */
const pageEvents = 1_000;

/**
 * What is known of the result of a job whose worker could not tell it: put together from the events of its last attempt.
 * Undefined where none is to be kept, or the attempt began nothing.
 */
export async function resultFromEvents(store: JobStore, job: JobRecord, spec: JobSpec): Promise<JobResult | undefined> {
  const { case: kind, value: operation } = spec.operation;
  if (spec.retainOutput === RetainOutput.NONE || !kind || !withSteps.has(kind)) return undefined;
  const { steps, begunBefore, before } = await readSteps(store, job);
  const count = Math.max(0, ...steps.keys());
  if (count === 0) return undefined;
  const numbers = Array.from({ length: kind === "commands" ? operation.commands.length : count }, (_, i) => i + 1);
  const told = await Promise.all(
    numbers.map(async (number) => ({
      line: kind === "commands" ? (operation.commands[number - 1]?.command ?? "") : "",
      ...(await tell(store, job, steps.get(number), number <= count && begunBefore)),
    })),
  );
  if (kind !== "configure") {
    const commands = told.map(
      ({ line, text, bytes, truncated, expired, ...rest }): MessageInitShape<typeof CommandResultSchema> => {
        const output = { output: text, outputBytes: bytes, outputTruncated: truncated, outputExpired: expired };
        return { command: line, ...output, ...rest };
      },
    );
    if (kind === "task") return create(JobResultSchema, { result: { case: "task", value: { commands } } });
    return create(JobResultSchema, { result: { case: "commands", value: { commands } } });
  }
  const lines = told.map(
    ({ text, bytes, truncated, expired, exitStatus: _, ...rest }): MessageInitShape<typeof ConfigLineResultSchema> => ({
      ...rest,
      output: { text, bytes, truncated, expired },
    }),
  );
  const kept = begunBefore || !keepsBefore(job, spec, before) ? undefined : await tell(store, job, before, false);
  const { text = "", bytes = 0, expired = false } = kept ?? {};
  const value = { lines, ...(kept && { before: { text, bytes, expired } }) };
  return create(JobResultSchema, { result: { case: "configure", value } });
}

/**
 * Whether what an attempt told before its first line, all of which was told before that, is the running configuration from
 * before, and nothing else: neither results of checks nor a text that was cut.
 */
function keepsBefore({ outputCut }: JobRecord, { operation, maxOutputBytes }: JobSpec, { bytes }: Step): boolean {
  if (operation.case !== "configure" || outputCut) return false;
  const { keepBeforeAfter, preChecks } = operation.value;
  return keepBeforeAfter && preChecks.length === 0 && bytes > 0 && bytes + longestCharacter <= maxOutputBytes;
}

/** A command or a line as its events tell it. Its output lies in one piece. */
interface Step {
  line?: string;
  ended?: Extract<EventRecord["fact"], { kind: "ended" }>;
  offset?: number;
  bytes: number;
}

/** The steps of an attempt by number, and what it printed before the first of them. */
interface Steps {
  readonly steps: ReadonlyMap<number, Step>;
  readonly before: Step;
  /** The events do not go back to its beginning. */
  readonly begunBefore: boolean;
}

/** Reads the steps of the last attempt. */
async function readSteps(store: JobStore, job: JobRecord): Promise<Steps> {
  const steps = new Map<number, Step>();
  const before: Step = { bytes: 0 };
  let begun = false;
  for (let from = 1; ;) {
    const page = await store.events(job.id, from, pageEvents);
    for (const { attempt, fact } of page.events) {
      if (attempt !== job.attempt) continue;
      if (fact.kind === "state" && fact.state === "RUNNING") begun = true;
      if (!("command" in fact) || (fact.command === 0 && steps.size > 0)) continue;
      const step = fact.command === 0 ? before : (steps.get(fact.command) ?? { bytes: 0 });
      if (fact.command > 0) steps.set(fact.command, step);
      if (fact.kind === "started") step.line = fact.line;
      else if (fact.kind === "ended") step.ended = fact;
      else {
        step.offset ??= fact.offset;
        step.bytes += fact.length;
      }
    }
    const last = page.events.at(-1)?.number;
    if (last === undefined || last >= page.last) return { steps, before, begunBefore: !begun };
    from = last + 1;
  }
}

/** `cut`: the history that is left may begin within it, or behind it. */
async function tell(store: JobStore, job: JobRecord, step: Step | undefined, cut: boolean) {
  if (!step) return { status: CommandStatus.UNSPECIFIED, text: "", bytes: 0, truncated: cut, expired: false };
  const { line, ended, offset = 0, bytes } = step;
  const kept = bytes === 0 ? new Uint8Array() : await store.output(job.id, offset, bytes);
  return {
    ...(line !== undefined && { line }),
    status: ended ? commandStatusNumbers[ended.status] : CommandStatus.INTERRUPTED,
    text: kept ? deviceText(kept) : "",
    bytes,
    truncated: cut && line === undefined,
    expired: kept === undefined,
    ...(ended && { errorLines: [...ended.errorLines], duration: durationFromMs(ended.durationMs) }),
    ...(ended?.exitStatus !== undefined && { exitStatus: ended.exitStatus }),
  };
}
