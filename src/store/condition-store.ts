/** A Redis process that holds something of this installation, as it tells of itself. */
export interface ServerCondition {
  /** How long it took to answer, in milliseconds. */
  readonly latencyMs: number;
  readonly role: "primary" | "replica";
  readonly usedBytes: number;
  /** 0: it has no limit. */
  readonly limitBytes: number;
  readonly connections: number;
  readonly maxConnections: number;
  readonly loading: boolean;
  /** What it does when memory runs out, such as "noeviction"; empty when it does not tell. */
  readonly evictionPolicy: string;
  /** How it writes down what it is told, and whether that works. */
  readonly appendOnly: boolean;
  /** When that is on disk: "always", "everysec" or "no"; missing when it does not let us ask (CONFIG GET). */
  readonly syncPolicy?: string;
  /** Commands of the scripts that it does not let us run, on our own keys and channels. */
  readonly denied: readonly string[];
  /** Whether it tells which process it is and which history it has. */
  readonly identified: boolean;
  readonly lastWriteOk: boolean;
  readonly lastSaveOk: boolean;
  readonly replicas: number;
  /** Bytes by which the slowest replica is behind. */
  readonly lagBytes: number;
}

/** A Redis process, and what is to be said of how it is set. */
export interface JudgedServer extends ServerCondition {
  /** Why it takes no work that must not run twice; one sentence each, with what to do. */
  readonly unfit: readonly string[];
  /** What of the same was allowed all the same. */
  readonly allowed: readonly string[];
}

/** How a zone is. */
export interface ZoneCondition {
  readonly zone: string;
  /** SHUT: Redis came back with another history. HIDDEN: it hides which history it has. */
  readonly gate: "OPEN" | "SHUT" | "HIDDEN";
  /** Workers whose journals are waited for, or were given up. */
  readonly missing: number;
  readonly delayed: number;
  readonly queued: number;
  readonly running: number;
  /** How long the oldest queued job has waited since it was accepted, in milliseconds; 0 when none is queued. */
  readonly oldestMs: number;
  /** By how much the first that is due is late, in milliseconds. */
  readonly lateMs: number;
  /** Devices held for missing journals, or for old data that came back. */
  readonly held: number;
  /** Jobs whose outcome nobody has resolved, of the latest 1,000 that are INDETERMINATE. */
  readonly doubts: number;
}

/** How the store is, for those who watch over it. */
export interface ConditionStore {
  /** Every Redis process that holds something. Rejects while one of them cannot be reached. */
  servers(): Promise<readonly JudgedServer[]>;
  /** Those of them that can be reached. Rejects when none can. */
  reachable(): Promise<readonly JudgedServer[]>;
  zone(zone: string): Promise<ZoneCondition>;
}
