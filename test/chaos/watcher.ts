import type { Pointsman } from "@pointsman/sdk";
import { isFinal } from "@pointsman/sdk";
import type { JobState } from "@pointsman/sdk/v1";

/** What a watch of one job showed that it must not; undefined when all was well, or when the watch was given up. */
export async function watchToItsEnd(client: Pointsman, id: string, signal: AbortSignal): Promise<string | undefined> {
  let last = 0;
  let state: JobState | undefined;
  try {
    for await (const item of client.jobs.watch(id, { signal })) {
      if (item.kind !== "event") continue;
      const { number, event } = item.event;
      if (number !== last + 1) return `its watch showed event ${number} behind event ${last}`;
      last = number;
      if (event.case === "stateChanged") state = event.value.state;
    }
  } catch {
    return undefined;
  }
  return state !== undefined && isFinal(state) ? undefined : "its watch ended before the job";
}
