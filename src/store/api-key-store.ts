/** What a caller may do: a reader reads, an operator also runs work, an admin does all. */
export type Role = "reader" | "operator" | "admin";

/** An API key as stored: the hash of its secret part alone. */
export interface ApiKeyRecord {
  /** Public part, 12 characters. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the secret part, hexadecimal. */
  readonly hash: string;
  readonly createMs: number;
}

/** Keys that callers authenticate with. */
export interface ApiKeyStore {
  create(key: Omit<ApiKeyRecord, "createMs">): Promise<ApiKeyRecord>;
  get(id: string): Promise<ApiKeyRecord | undefined>;
  list(): Promise<readonly ApiKeyRecord[]>;
  /** Whether there was such a key. */
  remove(id: string): Promise<boolean>;
  /** Whether at least one key exists. */
  any(): Promise<boolean>;
}
