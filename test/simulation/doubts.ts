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
  /** Each job whose outcome was unknown at some time, and of which nobody has said what happened. */
  const open = new Map<string, { readonly device: string; readonly spared: ReadonlySet<number> }>();
  /** Jobs of which somebody has said it, also where the store forgot that. */
  const settled = new Set<string>();
  /** Wishes of which each device has heard a line. */
  const begun = new Map<string, Set<number>>();
  const begunAt = (device: string): Set<number> => begun.get(device) ?? new Set();
  return {
    look() {
      for (const job of store.zone.jobs.values()) {
        // Without an intent it was taken for doubtful because a journal was missing, which may know better.
        if (job.state === "INDETERMINATE" && !job.resolution && job.intentMs !== undefined) {
          const device = job.spec.device ?? "";
          // What began when the doubt was over goes on when the store forgets that it was.
          const spared = settled.has(job.id) ? new Set(begunAt(device)) : new Set<number>();
          if (!open.has(job.id)) open.set(job.id, { device, spared });
        } else if (isFinal(job.state) && (job.state !== "INDETERMINATE" || job.resolution)) {
          open.delete(job.id);
          if (job.resolution) settled.add(job.id);
        }
      }
    },
    judge({ line, device }, wishes) {
      const parsed = parseLine(line);
      if (!parsed || wishes[parsed.wish]?.kind === "read") return [];
      begun.set(device, begunAt(device).add(parsed.wish));
      const doubtful = [...open].find(([, doubt]) => doubt.device === device && !doubt.spared.has(parsed.wish));
      return doubtful ? [{ invariant: "hold", text: `${line} reached ${device}, held for ${doubtful[0]}` }] : [];
    },
  };
}
