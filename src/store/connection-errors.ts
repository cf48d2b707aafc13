import { full } from "./gate-errors.js";
import { StoreError } from "./store-error.js";

/** What ioredis says when a connection is not there, went away, or is silent. */
const lost =
  /^(Connection is closed|Command timed out|Command aborted|Socket timeout|Stream isn't writeable|connect |read |write |getaddrinfo |Reached the max|All sentinels are unreachable|Client network socket disconnected)/;

/**
 * What Redis answers when it is the wrong process, not ready, not allowed to write, or does not let us: nothing was
 * done then, and the same call may succeed later.
 */
const refused =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|MISCONF|NOREPLICAS|BUSY|UNBLOCKED|NOSCRIPT|NOAUTH|WRONGPASS|NOPERM|ERR max number of clients|ERR (The user executing the script|ACL failure)|ERR Script attempted to access a non local key)/;

/** The codes of Node's network and TLS errors. */
const network = /^(E[A-Z]+|ERR_(SSL|TLS|SOCKET|STREAM)_\w+|\w*CERT\w*|UNABLE_TO_\w+|HOSTNAME_MISMATCH)$/;

/** Turns the errors of a connection into the store's own; anything else goes through. */
export function asStoreError(error: unknown): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error;
  if (error.message.startsWith("OOM ")) return full();
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (lost.test(error.message) || refused.test(error.message) || network.test(code))
    return unavailable(reasonOf(error));
  return error;
}

/** The error of a call that Redis did not answer as it should. Whether it was done is unknown to the caller. */
export function unavailable(why: string): StoreError {
  return new StoreError("STORE_UNAVAILABLE", `Redis does not answer: ${why}`);
}

/** What an error says, also where it says it only in its code or in the errors it stands for. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join(", ");
  if (!(error instanceof Error)) return String(error);
  return error.message || ((error as NodeJS.ErrnoException).code ?? error.name);
}
