import { defineTask } from "@pointsman/sdk/task";
import { RetryPolicySchema } from "@pointsman/sdk/v1";

/** Of another worker. */
export default defineTask({ name: "lab.other", delivery: "IDEMPOTENT", run: ({ node }) => ({ node }) });

/** Takes a message, and gives one. */
export const policy = defineTask({
  name: "lab.policy",
  delivery: "READ_ONLY",
  input: RetryPolicySchema,
  output: RetryPolicySchema,
  run: ({ input }) => ({ ...input, maxAttempts: input.maxAttempts + 1 }),
});
