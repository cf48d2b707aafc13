import type { WorkerIdentity } from "./store.js";

/**
 * Numbers the claims of this process's workers in the order in which they are made. A repeated claim keeps its number, so
 * that Redis can tell what is repeated from what comes late.
 */
export interface ClaimNumbers {
  of(worker: Pick<WorkerIdentity, "zone" | "name">, requestId: string): number;
  /** The worker claims no more. */
  forget(worker: Pick<WorkerIdentity, "zone" | "name">): void;
}

export function createClaimNumbers(): ClaimNumbers {
  const latest = new Map<string, { readonly requestId: string; readonly number: number }>();
  return {
    of({ zone, name }, requestId) {
      const last = latest.get(`${zone}/${name}`);
      const number = last?.requestId === requestId ? last.number : (last?.number ?? 0) + 1;
      latest.set(`${zone}/${name}`, { requestId, number });
      return number;
    },
    forget: ({ zone, name }) => void latest.delete(`${zone}/${name}`),
  };
}
