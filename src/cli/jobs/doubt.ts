import { durationMs } from "@pointsman/sdk";
import { ConfigMode, JobState, type Job } from "@pointsman/sdk/v1";
import { duration, targetName, time } from "../terminal/format.js";
import { held } from "../terminal/why-waiting.js";

/** What a person needs to settle a job whose outcome is unknown, name and value; nothing where there is no doubt. */
export function doubtFacts(job: Job): (readonly [name: string, value: string | undefined])[] {
  if (job.state !== JobState.INDETERMINATE || job.resolution !== undefined) return [];
  const since = job.endTime ? ` since ${time(job.endTime)}` : "";
  return [
    ["last sent", job.lastIntendedStep === 0 ? "not known" : stepName(job, job.lastIntendedStep)],
    ["last answered", job.lastConfirmedStep === 0 ? "none" : stepName(job, job.lastConfirmedStep)],
    ["held", `the device takes no change${since}, until this is resolved`],
    ["timer", timer(job)],
    ["resolve", howToResolve(job)],
  ];
}

/** How to settle it, in one sentence. */
export function howToResolve(job: Job): string {
  return held(targetName(job.spec), job.id);
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

function timer({ spec }: Job): string | undefined {
  if (spec?.operation.case !== "configure" || spec.operation.value.mode !== ConfigMode.APPLY_CONFIRMED)
    return undefined;
  const { confirmTimeout } = spec.operation.value;
  if (!confirmTimeout || durationMs(confirmTimeout) === 0) return undefined;
  return `the device may take the change back by itself within ${duration(confirmTimeout)}; no verdict is taken before`;
}
