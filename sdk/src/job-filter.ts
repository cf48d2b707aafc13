import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { JobFilterSchema, type JobFilter } from "./v1.js";

/** Which jobs are meant: fields are joined by AND, the values of a field by OR; an empty filter means all. */
export type JobFilterInit = MessageInitShape<typeof JobFilterSchema>;

/** Makes the contract's filter. */
export function jobFilter(filter: JobFilterInit): JobFilter {
  return create(JobFilterSchema, filter);
}
