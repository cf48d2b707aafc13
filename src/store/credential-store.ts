/** A credential as stored: its secrets sealed. */
export interface CredentialRecord {
  readonly name: string;
  readonly username: string;
  readonly hasPassword: boolean;
  readonly hasPrivateKey: boolean;
  readonly hasEnableSecret: boolean;
  readonly sealed: Uint8Array;
  readonly version: number;
  readonly createMs: number;
  readonly updateMs: number;
}

type NewCredential = Omit<CredentialRecord, "version" | "createMs" | "updateMs">;

/** Logins, sealed. */
export interface CredentialStore {
  /** CREDENTIAL_EXISTS. */
  create(credential: NewCredential): Promise<CredentialRecord>;
  /** CREDENTIAL_NOT_FOUND. */
  update(credential: NewCredential): Promise<CredentialRecord>;
  get(name: string): Promise<CredentialRecord | undefined>;
  /** Names above `after`, by name. */
  list(page: {
    readonly limit: number;
    readonly after?: string;
  }): Promise<{ readonly credentials: readonly CredentialRecord[]; readonly next?: string }>;
  /** CREDENTIAL_NOT_FOUND, CREDENTIAL_IN_USE (metadata `device`). */
  remove(name: string): Promise<void>;
}
