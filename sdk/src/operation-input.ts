import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { JobSpecInit } from "./job-spec-init.js";
import { optionalDuration } from "./time.js";

/** A call of a URL: a POST with a JSON payload. */
export interface HttpInput {
  readonly url: string;
  /** Sent as JSON. Default: null. */
  readonly payload?: JsonValue | undefined;
  /** Shown with the job: no secret may stand here. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sealed apart from the job and never answered. */
  readonly secretHeaders?: Readonly<Record<string, string>> | undefined;
  /** Signs the request with HMAC-SHA256. */
  readonly signingSecret?: string | undefined;
  /** Milliseconds that one call may take. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Statuses that are tried again. Default 408, 425, 429, 500, 502, 503, 504. */
  readonly retryStatuses?: readonly number[] | undefined;
}

type Operation = NonNullable<JobSpecInit["operation"]>;

/** A call in the contract's form. */
export function httpOperation(input: HttpInput): Operation {
  const { url, payload, headers, secretHeaders, signingSecret, timeoutMs, retryStatuses } = input;
  return {
    case: "http",
    value: {
      url,
      ...(payload === undefined ? {} : { payload: fromJson(ValueSchema, payload) }),
      headers: { ...headers },
      secretHeaders: { ...secretHeaders },
      signingSecret: signingSecret ?? "",
      ...optionalDuration("timeout", timeoutMs),
      retryStatuses: [...(retryStatuses ?? [])],
    },
  };
}

/** A task: a job type of your own that workers have loaded. */
export interface TaskInput {
  /** Name of the type. */
  readonly type: string;
  /** What it works on: what the type's schema asks for. Shown with the job: no secret may stand here. Default: {}. */
  readonly input?: JsonValue | undefined;
}

/** A task in the contract's form. */
export function taskOperation({ type, input }: TaskInput): Operation {
  return { case: "task", value: { type, ...(input === undefined ? {} : { input: fromJson(ValueSchema, input) }) } };
}

/** A program in the contract's form: one line that is divided as a shell does, or its words. */
export function shellOperation(input: string | readonly string[]): Operation {
  return {
    case: "shell",
    value: {
      program:
        typeof input === "string" ? { case: "command", value: input } : { case: "argv", value: { words: [...input] } },
    },
  };
}
