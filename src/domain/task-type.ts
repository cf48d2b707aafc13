import type { EffectClass } from "./job.js";

/** What a JSON value must be. */
export type TaskSchema =
  /** `schema` is a JSON schema, draft 2020-12, as JSON. */
  | { readonly kind: "json"; readonly schema: string }
  /** A protobuf message in its JSON form. `files` is the base64 of a google.protobuf.FileDescriptorSet. */
  | { readonly kind: "message"; readonly type: string; readonly files: string };

/** A type of task, as the worker that loaded it tells of it. */
export interface TaskType {
  readonly name: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: any value. */
  readonly input?: TaskSchema;
  readonly output?: TaskSchema;
  /** What repeating its work would mean. */
  readonly delivery: EffectClass;
  /** Of AT_MOST_ONCE work: it says by itself when it passes its point of no return, also where it has no device. */
  readonly declaresIntent?: boolean;
  /** How often a job of it may put itself off. */
  readonly maxDeferrals: number;
}

/** What a type of task may be called. */
export const taskName = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
