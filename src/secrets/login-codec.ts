import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  InlineBastionSchema,
  type InlineEndpoint,
  InlineEndpointSchema,
  type Login,
  LoginSchema,
} from "@pointsman/sdk/v1";

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

/**
 * Takes the logins that a device came with out of it, its own and its bastions', as bytes to be sealed. Undefined when it
 * came with none.
 */
export function takeLogins(endpoint: InlineEndpoint): Uint8Array | undefined {
  const secrets = create(InlineEndpointSchema);
  let some = false;
  const take = <T extends Pick<InlineEndpoint, "login"> | InlineEndpoint["bastions"][number]>(from: T): T["login"] => {
    if (from.login.case !== "secret") return { case: undefined };
    some = true;
    const { login } = from;
    from.login = { case: undefined };
    return login;
  };
  secrets.login = take(endpoint);
  for (const bastion of endpoint.bastions) {
    bastion.ownLogin = bastion.login.case === "secret";
    secrets.bastions.push(create(InlineBastionSchema, { login: take(bastion) }));
  }
  return some ? toBinary(InlineEndpointSchema, secrets, { writeUnknownFields: false }) : undefined;
}

/** The logins that a device came with: its own, and one for each bastion that has one of its own. */
export interface OwnLogins {
  readonly login: Login | undefined;
  readonly bastions: readonly (Login | undefined)[];
}

/** The logins in opened bytes. Throws when they are none; the error does not hold them. */
export function decodeLogins(bytes: Uint8Array): OwnLogins {
  try {
    const { login, bastions } = fromBinary(InlineEndpointSchema, bytes);
    const own = (one: { login: { case?: string | undefined; value?: unknown } }): Login | undefined =>
      one.login.case === "secret" ? (one.login.value as Login) : undefined;
    return { login: own({ login }), bastions: bastions.map(own) };
  } catch {
    throw new Error("the opened secret holds no logins");
  }
}

/** The place that a stored credential's login is sealed for. */
export function credentialPlace(name: string): string {
  return `credential/${name}`;
}

/** The place that a job's own logins are sealed for. */
export function jobPlace(id: string): string {
  return `job/${id}`;
}

/** Whether a stored target came with logins that are gone when its job has ended. */
export function hadOwnLogins({ login, bastions }: InlineEndpoint): boolean {
  return login.case === undefined || bastions.some(({ ownLogin }) => ownLogin);
}
