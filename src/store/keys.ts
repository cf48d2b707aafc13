/**
 * Roots of all keys. What belongs to a zone carries the zone's hash tag, so that every transition of a job is one
 * script in one slot; what spans zones carries the installation's. The scripts build the rest of each key from its
 * root: `prelude.lua` and the scripts' own headers say what lies under which name.
 */

/** Names the installation; several can share one Redis. */
export interface KeySpace {
  readonly zone: (zone: string) => string;
  readonly installation: string;
}

export function createKeySpace(prefix: string): KeySpace {
  return { zone: (zone) => `{${prefix}:${zone}}`, installation: `{${prefix}}` };
}

/** The key of one thing of a kind, such as the hash of a job. */
export function keyOf(root: string, kind: string, id?: string): string {
  return id === undefined ? `${root}:${kind}` : `${root}:${kind}:${id}`;
}
