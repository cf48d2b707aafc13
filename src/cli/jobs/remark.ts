import type { JobEvent } from "@pointsman/sdk/v1";

/** A remark in a job's history, or how far its task is, on one line; empty for other events. */
export function remarkOf({ event }: Pick<JobEvent, "event">): string {
  if (event.case === "log") return `${event.value.level}: ${event.value.message}`;
  if (event.case !== "progress") return "";
  const { percent, message } = event.value;
  return [...(percent === undefined ? [] : [`${Math.round(percent)} %`]), ...(message === "" ? [] : [message])].join(
    " ",
  );
}
