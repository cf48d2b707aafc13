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
  /**
   * Work is given out; OPENED: it was not until now. Changes are not while `closed` names workers whose journals are
   * missing ("worker/<name>"). `workers`: what the caller is to remember under `roster`; absent when it does already.
   */
  | {
      readonly state: "OPEN" | "OPENED";
      readonly closed: readonly string[];
      readonly roster: string;
      readonly workers?: readonly string[];
    }
  /** Redis has another history than the one in which the caller was told its roster: it is to name its workers. */
  | { readonly state: "ROSTER" }
  /** The server hides its run_id or master_replid: work that must not run twice is not accepted. */
  | { readonly state: "HIDDEN" }
  /** Nothing is claimed: the journals of these workers are waited for. */
  | { readonly state: "SHUT"; readonly missing: readonly string[] }
  /** Nothing is claimed: these were waited for long enough, and are to be buried. */
  | { readonly state: "LOST"; readonly missing: readonly string[] };

/** What a server remembers of a zone, so that a Redis which forgot it can be told. */
export interface Remembered {
  /** The roster as it was named when the zone was seen open last. */
  readonly roster: string;
  /** The workers on it; given when they were asked for. */
  readonly workers?: readonly string[];
}

/** What every server does by time, in bounded steps, without a leader. */
export interface UpkeepStore {
  /**
   * Starts what is due, expires what waited too long, hands on what its owner leaves lying. Answers with the time until
   * something is due, at most 1 s.
   */
  tick(zone: string): Promise<{ readonly worked: number; readonly nextMs: number }>;
  /** Purges what has been kept long enough and trims outputs, a bounded step. Answers with how much was done. */
  retain(zone: string, rule: RetentionRule): Promise<number>;
  /**
   * Brings the zone and the history of its Redis together, a bounded step. `remembered`: nothing when the caller has
   * not seen it open.
   */
  reconcile(zone: string, remembered?: Remembered): Promise<GateState>;
  /**
   * Lifts every hold that was laid for this reason ("restore", "worker/<name>"). `opened`: the zone as a whole was
   * closed for it.
   */
  lift(zone: string, reason: string): Promise<{ readonly devices: number; readonly opened: boolean }>;
  /**
   * Buries a worker whose beat is still `beat` and frees up to `limit` of its devices. `left`: devices still to free.
   */
  reap(
    zone: string,
    worker: string,
    beat: number,
    limit: number,
  ): Promise<{ readonly buried: boolean; readonly left: number }>;
}
