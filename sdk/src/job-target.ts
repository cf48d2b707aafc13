import { cryptoProfiles, type CryptoProfileName } from "./crypto-profile.js";
import type { JobSpecInit } from "./job-spec-init.js";

/** An account and its secrets. */
export interface LoginInput {
  readonly username: string;
  readonly password?: string | undefined;
  /** Private key in PEM or OpenSSH form. */
  readonly privateKey?: string | undefined;
  readonly passphrase?: string | undefined;
  readonly enableSecret?: string | undefined;
  /** Offers the keys of the SSH agent that runs beside the worker. Default false. */
  readonly useAgent?: boolean | undefined;
}

/** A device given by address. */
export interface EndpointInput {
  /** Host name or IP address. */
  readonly address: string;
  /** Default 22. */
  readonly port?: number | undefined;
  /** Name of a platform, such as "cisco_ios". */
  readonly platform: string;
  /** Default "default". */
  readonly zone?: string | undefined;
  /** Name of a stored credential, or a login that is sealed apart from the job and erased at its end. */
  readonly login: string | LoginInput;
  /** Host keys to accept, as "ssh-ed25519 AAAA…". */
  readonly hostKeys?: readonly string[] | undefined;
  /** Hosts that the connection goes through, in order, the first being reached directly. Default: none. */
  readonly bastions?: readonly InlineBastionInput[] | undefined;
  /** How old the algorithms of its connection may be. Default "auto". */
  readonly cryptoProfile?: CryptoProfileName | undefined;
}

/** A host on the way to a device given by address. */
export interface InlineBastionInput {
  /** Host name or IP address, as seen from the host before it. */
  readonly address: string;
  /** Default 22. */
  readonly port?: number | undefined;
  /** Name of a stored credential, or a login that is sealed apart from the job. Default: the device's login. */
  readonly login?: string | LoginInput | undefined;
  /** Host keys to accept, as "ssh-ed25519 AAAA…". */
  readonly hostKeys?: readonly string[] | undefined;
}

/** Where the work is done. */
export type JobTarget =
  | {
      /** Name of a device in the inventory. */
      readonly device: string;
      readonly endpoint?: undefined;
      readonly node?: undefined;
      readonly zone?: undefined;
    }
  | {
      readonly endpoint: EndpointInput;
      readonly device?: undefined;
      readonly node?: undefined;
      readonly zone?: undefined;
    }
  | {
      /** Name of a node, the machine a worker runs on: for `shell`, and for work that shall be done from there. */
      readonly node?: string | undefined;
      /** The zone whose workers may take it. Default "default"; for a node: one that it serves. */
      readonly zone?: string | undefined;
      readonly device?: undefined;
      readonly endpoint?: undefined;
    };

/** Who a device says it is. */
export interface IdentityInput {
  /** Its host name, as its prompt shows it. Default: any. */
  readonly hostName?: string | undefined;
  /** A serial number that it tells. Default: any. */
  readonly serial?: string | undefined;
}

/** A target, as the contract has it. */
export function target(input: JobTarget): NonNullable<JobSpecInit["target"]> {
  if (input.endpoint !== undefined) return { case: "endpoint", value: endpoint(input.endpoint) };
  if (input.device !== undefined) return { case: "device", value: input.device };
  return input.node === undefined ? { case: undefined } : { case: "node", value: input.node };
}

/** A device given by address, as the contract has it. */
export function endpoint(
  input: EndpointInput,
): Extract<NonNullable<JobSpecInit["target"]>, { case: "endpoint" }>["value"] {
  return {
    address: input.address,
    port: input.port ?? 0,
    platform: input.platform,
    zone: input.zone ?? "",
    login: loginOf(input.login),
    hostKeys: [...(input.hostKeys ?? [])],
    bastions: (input.bastions ?? []).map((bastion) => ({
      address: bastion.address,
      port: bastion.port ?? 0,
      hostKeys: [...(bastion.hostKeys ?? [])],
      ...(bastion.login === undefined ? {} : { login: loginOf(bastion.login) }),
    })),
    cryptoProfile: cryptoProfiles[input.cryptoProfile ?? "auto"],
  };
}

function loginOf(login: string | LoginInput) {
  return typeof login === "string"
    ? { case: "credential" as const, value: login }
    : { case: "secret" as const, value: loginMessage(login) };
}

/** A login with every field present, as the contract has it. */
export function loginMessage(input: LoginInput): {
  username: string;
  password: string;
  privateKey: string;
  passphrase: string;
  enableSecret: string;
  useAgent: boolean;
} {
  return {
    username: input.username,
    password: input.password ?? "",
    privateKey: input.privateKey ?? "",
    passphrase: input.passphrase ?? "",
    enableSecret: input.enableSecret ?? "",
    useAgent: input.useAgent ?? false,
  };
}
