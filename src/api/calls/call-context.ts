import type { Message } from "@bufbuild/protobuf";
import { createContextKey } from "@connectrpc/connect";
import type { Role } from "../../store/store.js";

/** Who calls. */
export interface Principal {
  /** Name of the API key; "local" where no keys are configured. */
  readonly name: string;
  readonly role: Role;
}

/** The caller of a call, known before its body is read. */
export const principalKey = createContextKey<Principal>(
  { name: "", role: "reader" },
  { description: "who calls, as authenticated" },
);

/** The `traceparent` that work which the call asks for belongs to; empty for none. */
export const traceParentKey = createContextKey<string>("", { description: "trace of the call" });

/** What a call turned out to be about, as its line in the log says it. */
export interface CallSubject {
  job?: string;
  run?: string;
  /** Jobs that a batch created: the first of them. */
  jobs?: readonly string[];
  /** Set when its answer is to wait for something. */
  waits?: true;
}

/** Filled while a call is answered. */
export const subjectKey = createContextKey<CallSubject>({}, { description: "what the call is about" });

/** The short way for the answers of a call that streams. */
export interface DirectAnswers {
  /** Writes a message. False: this one has to go through the framework, behind those that were written before. */
  write(message: Message): boolean;
  /** Resolves when the reader has taken what was written, or is gone. At once when there is room. */
  room(): Promise<void>;
}

/** Set for calls that stream. */
export const directKey = createContextKey<DirectAnswers | undefined>(undefined, { description: "the short way" });

/** The id that the answer carries in `x-request-id` and the log with every line about the call. */
export const requestIdKey = createContextKey<string>("", { description: "id of the HTTP request" });
