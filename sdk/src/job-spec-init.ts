import type { MessageInitShape } from "@bufbuild/protobuf";
import type { JobSpecSchema } from "./v1.js";

/** A job in the contract's own form, as a message or as the plain object to make one from. */
export type JobSpecInit = MessageInitShape<typeof JobSpecSchema>;
