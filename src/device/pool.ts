import type { Endpoint } from "./endpoint.js";
import type { Session } from "./session.js";
import type { Transcript } from "./transcript.js";

/** How to check out a session. */
export interface CheckoutOptions {
  /** Gives up waiting or connecting; the checkout fails with CANCELLED. */
  readonly signal?: AbortSignal;
  /** Never reuse, always connect (a probe). Default false. */
  readonly fresh?: boolean;
  /** Records everything on the channel from here until checkin. */
  readonly transcript?: Transcript;
  /** Called before every channel write of the login and of all work until checkin; see CommandRequest. */
  readonly beforeWrite?: () => void;
}

/** Keeps warm sessions by device, account and credential version. */
export interface SessionPool {
  /**
   * A session for this endpoint, in its login mode and at its prompt. A pooled one is asked for a fresh prompt first;
   * if it does not answer as it should it is closed and a new one opened. Rejects with DeviceError.
   */
  checkout(endpoint: Endpoint, options?: CheckoutOptions): Promise<Session>;
  /** Back to the pool if its state is certain, else closed. */
  checkin(session: Session): void;
  /** Closed, politely when its state allows it. */
  discard(session: Session): void;
  /** Closes the idle sessions that the predicate picks; resolves when their connections are gone. */
  closeIdle(predicate: (endpoint: Endpoint) => boolean): Promise<void>;
  /** Closes every session, also those in use, and refuses new checkouts. */
  close(): Promise<void>;
  /** Open sessions, idle, in use and connecting. */
  readonly size: number;
  /** Open sessions that wait for work. */
  readonly idle: number;
}
