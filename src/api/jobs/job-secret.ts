import { create, toBinary } from "@bufbuild/protobuf";
import { HttpOperationSchema, type JobSpec } from "@pointsman/sdk/v1";
import { hadOwnLogins, takeLogins } from "../../secrets/login-codec.js";

/**
 * Takes what is secret out of a spec that is about to be stored: logins, or the secrets of a call. Gives it as bytes to
 * be sealed; undefined when there is none. The spec still tells that there was one.
 */
export function takeSecret(spec: JobSpec): Uint8Array | undefined {
  const { target, operation } = spec;
  if (target.case === "endpoint") return takeLogins(target.value);
  if (operation.case !== "http") return undefined;
  const { signingSecret, secretHeaders } = operation.value;
  operation.value.signed = signingSecret !== "";
  operation.value.signingSecret = "";
  operation.value.secretHeaders = Object.fromEntries(Object.keys(secretHeaders).map((name) => [name, ""]));
  if (!hadSecret(spec)) return undefined;
  return toBinary(HttpOperationSchema, create(HttpOperationSchema, { signingSecret, secretHeaders }));
}

/** Whether a stored spec came with a secret, which is gone when its job has ended. */
export function hadSecret({ target, operation }: JobSpec): boolean {
  if (target.case === "endpoint") return hadOwnLogins(target.value);
  if (operation.case !== "http") return false;
  return operation.value.signed || Object.keys(operation.value.secretHeaders).length > 0;
}
