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
  /** How it writes down what it is told, and whether that works. */
  readonly appendOnly: boolean;
  readonly lastWriteOk: boolean;
  readonly lastSaveOk: boolean;
  readonly replicas: number;
  /** Bytes by which the slowest replica is behind. */
  readonly lagBytes: number;
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
  /** Every Redis process that holds something. */
  servers(): Promise<readonly ServerCondition[]>;
  zone(zone: string): Promise<ZoneCondition>;
}
