import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Login, LoginSchema } from "@pointsman/sdk/v1";

/** A login as bytes, to be sealed. */
export function encodeLogin(login: Login): Uint8Array {
  return toBinary(LoginSchema, login, { writeUnknownFields: false });
}

/** The login in opened bytes. Throws when they are none; the error does not hold them. */
export function decodeLogin(bytes: Uint8Array): Login {
  try {
    return fromBinary(LoginSchema, bytes);
  } catch {
    throw new Error("the opened secret is not a login");
  }
}

/** The place that a stored credential's login is sealed for. */
export function credentialPlace(name: string): string {
  return `credential/${name}`;
}

/** The place that a job's own login is sealed for. */
export function jobPlace(id: string): string {
  return `job/${id}`;
}
