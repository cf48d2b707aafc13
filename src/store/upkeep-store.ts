/** How much history is kept in each zone. Unresolved INDETERMINATE jobs are always kept. */
export interface RetentionRule {
  /** How long jobs that succeeded are kept after their end. */
  readonly succeededMs: number;
  /** How long the others are. */
  readonly failedMs: number;
  /** Ended jobs kept at most; those that succeeded go first. */
  readonly jobs: number;
  /** Bytes of output kept at most; the oldest go first. */
  readonly outputBytes: number;
}

/** How a zone stands to the history that its Redis has now. */
export type GateState =
  /** All is as it should be. OPENED: it was shut until now. */
  | { readonly state: "OPEN" | "OPENED" }
  /** The server hides its run_id or master_replid: work that must not run twice is not accepted. */
  | { readonly state: "HIDDEN" }
  /** Nothing is claimed: the journals of these workers are waited for. */
  | { readonly state: "SHUT"; readonly missing: readonly string[] }
  /** Nothing is claimed: these were waited for long enough, and are to be buried. */
  | { readonly state: "LOST"; readonly missing: readonly string[] };

/** What every server does by time, in bounded steps, without a leader. */
export interface UpkeepStore {
  /** Starts what is due, expires what waited too long, hands on what its owner leaves lying. Answers with the time until something is due, at most 1 s. */
  tick(zone: string): Promise<{ readonly worked: number; readonly nextMs: number }>;
  /** Purges what has been kept long enough and trims outputs, a bounded step. Answers with how much was done. */
  retain(zone: string, rule: RetentionRule): Promise<number>;
  /** Brings the zone and the history of its Redis together, a bounded step. */
  reconcile(zone: string): Promise<GateState>;
  /** Lifts every hold that was laid for this reason ("restore", "worker/<name>"). Answers with how many devices. */
  lift(zone: string, reason: string): Promise<number>;
  /** Buries a worker whose beat is still `beat` and frees up to `limit` of its devices. `left`: devices still to free. */
  reap(
    zone: string,
    worker: string,
    beat: number,
    limit: number,
  ): Promise<{ readonly buried: boolean; readonly left: number }>;
}
