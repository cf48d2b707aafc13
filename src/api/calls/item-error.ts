import type { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { reasonOf, toProblem } from "../../errors.js";
import type { StoreError } from "../../store/store.js";

/** Why one item of a batch was refused. */
export interface ItemErrorShape {
  code: string;
  reason: string;
  message: string;
}

/** The error of one item: the same that the single call would end with. */
export function itemError(thrown: StoreError | ConnectError, requestId: string): ItemErrorShape {
  const error = toProblem(thrown, { requestId, unexpected: () => undefined });
  return { code: codeToString(error.code), reason: reasonOf(error) ?? "", message: error.rawMessage };
}
