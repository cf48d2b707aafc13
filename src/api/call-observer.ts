/** Which call it is. */
export interface ObservedCall {
  /** The method's path without its leading slash, the pattern of a plain path, or "other": never what a caller chose. */
  readonly method: string;
  /** Whether it has more than one answer. */
  readonly streaming: boolean;
}

/** How a call ended. */
export interface CallOutcome {
  /** "ok", or the Connect code. */
  readonly code: string;
  /** The stable reason of the error, when there is one. */
  readonly reason: string | undefined;
  readonly ms: number;
}

/** Is told of every call. */
export interface CallObserver {
  /** A call begins; what is returned is called once, when its answer has left or its caller has gone. */
  began(call: ObservedCall): (outcome: CallOutcome) => void;
}
