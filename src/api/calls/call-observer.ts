/** Which call it is. */
export interface ObservedCall {
  /** The method's path without its leading slash, the pattern of a plain path, or "other": never what a caller chose. */
  readonly method: string;
  /** Whether it has more than one answer. */
  readonly streaming: boolean;
  /** The caller's `traceparent`, when there is a valid one. */
  readonly traceParent?: string | undefined;
}

/** How a call ended. */
export interface CallOutcome {
  /** "ok", or the Connect code. */
  readonly code: string;
  /** The stable reason of the error, when there is one. */
  readonly reason: string | undefined;
  readonly ms: number;
  /** Whether its answer was to wait for something: how long it took says nothing of the service. */
  readonly waits?: boolean;
}

/** A call under way. */
export interface CallUnderWay {
  /** What work that this call asks for belongs to: a `traceparent`. Default: the caller's. */
  readonly traceParent?: string | undefined;
  /** Called once, when the answer has left or its caller has gone. */
  ended(outcome: CallOutcome): void;
}

/** Is told of every call. */
export interface CallObserver {
  began(call: ObservedCall): CallUnderWay;
}

/** Tells several. */
export function observeTogether(observers: readonly CallObserver[]): CallObserver {
  return {
    began(call) {
      const calls = observers.map((observer) => observer.began(call));
      return {
        traceParent: calls.find(({ traceParent }) => traceParent !== undefined)?.traceParent,
        ended: (outcome) => calls.forEach((one) => one.ended(outcome)),
      };
    },
  };
}
