import { durationMs } from "@pointsman/sdk";
import { ConfigMode, JobState, type Job } from "@pointsman/sdk/v1";
import { duration, targetName, time } from "../terminal/format.js";
import { held } from "../terminal/why-waiting.js";

/** What a person needs to settle a job whose outcome is unknown, name and value; nothing where there is no doubt. */
export function doubtFacts(job: Job): (readonly [name: string, value: string | undefined])[] {
  if (job.state !== JobState.INDETERMINATE || job.resolution !== undefined) return [];
  const since = job.endTime ? ` since ${time(job.endTime)}` : "";
  return [
    ["last sent", job.lastIntendedStep === 0 ? "not known" : `${stepName(job, job.lastIntendedStep)}${later(job)}`],
    ["last answered", job.lastConfirmedStep === 0 ? "none" : stepName(job, job.lastConfirmedStep)],
    ["held", `the device takes no change${since}, until this is resolved`],
    ["timer", timer(job)],
    ["look", look(job)],
    ["resolve", howToResolve(job)],
  ];
}

/** How to settle it, in one sentence. */
export function howToResolve(job: Job): string {
  return held(targetName(job.spec), job.id);
}

/** What a worker that was lost had sent last, it may not have told any more. */
function later({ error }: Job): string {
  return error?.reason === "WORKER_LOST" ? "; what followed within 50 ms is not known" : "";
}

function look({ id, spec }: Job): string | undefined {
  if (spec?.operation.case !== "configure") return undefined;
  return `\`pointsman reconcile ${id}\` tells of each line whether it is on the device`;
}

/** A step by its number and, where it is known, its line. Steps behind the lines are those of the configuration itself. */
function stepName(job: Job, step: number): string {
  const operation = job.spec?.operation;
  if (operation?.case === "commands") {
    const { commands } = operation.value;
    const line = commands[step - 1]?.command;
    return line === undefined ? `${step}` : `${step} of ${commands.length}: ${line}`;
  }
  const result = job.result?.result;
  const line = result?.case === "configure" ? result.value.lines[step - 1]?.line : undefined;
  return line === undefined ? `${step}: behind the lines that were told, or the commit` : `${step}: ${line.trim()}`;
}

function timer({ spec, endTime }: Job): string | undefined {
  if (spec?.operation.case !== "configure" || spec.operation.value.mode !== ConfigMode.APPLY_CONFIRMED)
    return undefined;
  const { confirmTimeout } = spec.operation.value;
  if (!confirmTimeout || durationMs(confirmTimeout) === 0) return undefined;
  const within = `${duration(confirmTimeout)} of ${time(endTime)}`;
  return `the device may take the change back by itself within ${within}; no verdict is taken before`;
}
