import { isFinal } from "../../src/domain/job-state.js";
import type { ModelStore } from "../store/model/model-store.js";
import type { JournalLine } from "./device.js";
import type { Violation } from "./judge.js";
import { parseLine, type Wish } from "./work.js";

/** Remembers which devices are in doubt, whatever the store says of them later. */
export interface Doubts {
  /** Looks at the store after something changed there. */
  look(): void;
  /** A change that reaches a device in doubt breaks the hold: its own late line as well as another's. */
  judge(line: JournalLine, wishes: readonly Wish[]): Violation[];
}

export function createDoubts(store: ModelStore): Doubts {
  /** The device of each job whose outcome was unknown at some time, and of which nobody has said what happened. */
  const open = new Map<string, string>();
  return {
    look() {
      for (const job of store.zone.jobs.values()) {
        // Without an intent it was taken for doubtful because a journal was missing, which may know better.
        if (job.state === "INDETERMINATE" && !job.resolution && job.intentMs !== undefined)
          open.set(job.id, job.spec.device ?? "");
        else if (isFinal(job.state) && (job.state !== "INDETERMINATE" || job.resolution)) open.delete(job.id);
      }
    },
    judge({ line, device }, wishes) {
      const parsed = parseLine(line);
      if (!parsed || wishes[parsed.wish]?.kind === "read") return [];
      const doubtful = [...open].find(([, at]) => at === device);
      return doubtful ? [{ invariant: "hold", text: `${line} reached ${device}, held for ${doubtful[0]}` }] : [];
    },
  };
}
