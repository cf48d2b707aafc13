/** Names one version of a stored credential: what was refused of another says nothing about it. */
export function credentialKey(credential: {
  readonly name: string;
  readonly version: number;
  readonly createMs: number;
}): string {
  return `${credential.name}/${credential.version}/${credential.createMs}`;
}
