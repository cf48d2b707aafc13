/** A job that changed, as the feed says it. */
export interface Change {
  readonly zone: string;
  /** Place in the zone's feed; sorts as text only within one feed, compare with `position`. */
  readonly position: string;
  readonly job: string;
  readonly event: number;
}

/** Live news. News are hints: whoever gets one reads the truth from the job. */
export interface WatchStore {
  /** Names this installation's history; cursors of another epoch are void. */
  epoch(): Promise<string>;
  /**
   * Calls back, soon, with the number of its last event whenever the job has a new one, and whether it then went on;
   * also when news may have been missed, with Infinity. Returns how to stop.
   */
  onJob(id: string, changed: (lastEvent: number, goesOn: boolean) => void): () => void;
  /** The same of a run: whenever it has another revision. */
  onRun(id: string, changed: () => void): () => void;
  /** Calls back, soon, whenever any zone's feed grew. Returns how to stop. */
  onFeed(changed: () => void): () => void;
  /** Ends of the zones' feeds now: where a follower starts. Of `wanted` zones alone, if any are named. */
  tails(wanted?: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Changes behind a position of a zone's feed, oldest first. HISTORY_GONE when that was trimmed, or lost. */
  changes(zone: string, behind: string, limit: number): Promise<readonly Change[]>;
}
