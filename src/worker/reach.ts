import { CryptoProfile, type InlineBastion, type InlineEndpoint, type JobSpec, type Login } from "@pointsman/sdk/v1";
import type { Account, Endpoint, Hop, HostKeyPolicy, Platform } from "../device/index.js";
import { defaultPort, type DevicePlace, endpointKey } from "../domain/endpoint-key.js";
import type { JobRecord } from "../domain/job.js";
import { credentialPlace, decodeLogin, decodeLogins, jobPlace, type OwnLogins } from "../secrets/login-codec.js";
import { SealError, type Sealer } from "../secrets/sealer.js";
import { credentialKey } from "../domain/credential-key.js";
import type { Claim, DeviceRecord, Store } from "../store/store.js";
import { AttemptError } from "./failure.js";
import type { ExpectedIdentity } from "./identity-check.js";
import { createReadAhead, type ReadAhead } from "./read-ahead.js";

/** A host on the way to a device, or its own, and which login is told to it. */
export interface ReachableHop extends Hop {
  /** The credential it is logged in with. Unset: a login of the job's own. */
  readonly credential?: string;
  /** Names the login for breakers. Unset: one that no breaker counts. */
  readonly breakerKey?: string;
}

/** A device as the pool sees it, and what it is exclusive by. */
export interface ReachableEndpoint extends Endpoint, ReachableHop {
  readonly bastions?: readonly ReachableHop[];
  readonly zone: string;
  readonly exclusive: string;
  /** Labels of the inventory's device. */
  readonly labels: Readonly<Record<string, string>>;
  /** Who it must say it is. */
  readonly expect?: ExpectedIdentity;
}

export interface ReachOptions {
  readonly store: Pick<Store, "devices" | "credentials">;
  readonly sealer: Sealer;
  readonly platforms: ReadonlyMap<string, Platform>;
  readonly defaultHostKeyPolicy: "strict" | "accept-new";
  /** Socket of the SSH agent whose keys logins may offer. */
  readonly sshAgent?: string;
  /** The label that says at which site a device stands. Default "site". */
  readonly siteLabel?: string;
}

const profiles: Readonly<Partial<Record<CryptoProfile, Endpoint["cryptoProfile"]>>> = {
  [CryptoProfile.MODERN]: "modern",
  [CryptoProfile.COMPAT]: "compat",
  [CryptoProfile.LEGACY]: "legacy",
};

/** An account, and what keeps its sessions apart from those of any other. */
interface KeyedAccount {
  readonly account: Account;
  readonly accountKey: string;
  readonly breakerKey?: string;
  readonly credential?: string;
}

/** Devices of which it is remembered what was read about them. */
const rememberedDevices = 10_000;

/** A host as its owner described it, before its keys and its login are looked up. */
interface Described extends DevicePlace {
  readonly hostKeys: readonly string[];
  readonly login: (ahead: ReadAhead) => Promise<KeyedAccount>;
}

/** Everything of a target that is not looked up elsewhere. */
interface Target extends Omit<Described, "bastions"> {
  readonly platform: string;
  readonly policy: HostKeyPolicy["mode"];
  readonly bastions: readonly Described[];
  readonly labels: Readonly<Record<string, string>>;
  readonly expect?: ExpectedIdentity;
  readonly more: Pick<Endpoint, "connectTimeoutMs" | "cryptoProfile" | "limits" | "site">;
}

/**
 * Finds out, when a job is claimed, where its device is now, through which hosts, and how to log in. This is the one
 * place where a secret is opened. Throws AttemptError: DEVICE_GONE, CREDENTIAL_UNAVAILABLE, UNKNOWN_PLATFORM.
 */
export function createReach({
  store,
  sealer,
  platforms,
  defaultHostKeyPolicy,
  sshAgent,
  siteLabel = "site",
}: ReachOptions) {
  function opened<T>(sealed: Uint8Array, place: string, what: string, decode: (bytes: Uint8Array) => T): T {
    try {
      return decode(sealer.open(sealed, place));
    } catch (error) {
      const why = error instanceof SealError ? error.message : "it cannot be read";
      throw new AttemptError("CREDENTIAL_UNAVAILABLE", `${what}: ${why}`);
    }
  }

  function accountOf(login: Login, what: string): Account {
    const { username, password, privateKey, passphrase, enableSecret, useAgent } = login;
    if (useAgent && sshAgent === undefined) {
      const message = `${what} wants an SSH agent, and this worker has none: see its setting worker.ssh_agent`;
      throw new AttemptError("CREDENTIAL_UNAVAILABLE", message);
    }
    return {
      username,
      ...(password === "" ? {} : { password }),
      ...(privateKey === "" ? {} : { privateKey }),
      ...(passphrase === "" ? {} : { passphrase }),
      ...(enableSecret === "" ? {} : { enableSecret }),
      ...(useAgent && sshAgent !== undefined ? { agent: sshAgent } : {}),
    };
  }

  // Two zones may use the same addresses: what a pool must never mix up goes into the key.
  const keyed = (zone: string, key: string): string => `${zone}/${key}`;

  const aheadFor = createReadAhead(rememberedDevices);

  async function stored(ahead: ReadAhead, zone: string, name: string): Promise<KeyedAccount> {
    const credential = await ahead.get(`credential ${name}`, () => store.credentials.get(name));
    if (!credential) throw new AttemptError("CREDENTIAL_UNAVAILABLE", `no credential ${name}`, { credential: name });
    const what = `credential ${name}`;
    const login = opened(credential.sealed, credentialPlace(name), what, decodeLogin);
    const breakerKey = credentialKey(credential);
    const accountKey = keyed(zone, `credential/${breakerKey}`);
    return { account: accountOf(login, what), accountKey, breakerKey, credential: name };
  }

  /** What is remembered to be read ahead keeps nothing of the job that asked first: neither its secrets nor its size. */
  function knownKeys(ahead: ReadAhead, zone: string, place: DevicePlace): Promise<readonly string[]> {
    const { address, port } = place;
    const bastions = (place.bastions ?? []).map((hop) => ({ address: hop.address, port: hop.port }));
    const key = `host keys ${endpointKey(place)}`;
    return ahead.get(key, () => store.devices.hostKeys(zone, { address, port, bastions }));
  }

  function deviceTarget(job: JobRecord, spec: JobSpec, device: DeviceRecord): Target {
    const { address, port, platform, bastions = [], hostKeyPolicy, connectTimeoutMs, cryptoProfile } = device;
    const ofDevice =
      job.effectClass === "READ_ONLY" ? device.credential : (device.changeCredential ?? device.credential);
    return {
      ...{ address, port, platform, hostKeys: [], policy: hostKeyPolicy ?? defaultHostKeyPolicy },
      labels: device.labels,
      ...(device.expect && isAsked(job) && { expect: device.expect }),
      login: (ahead) => stored(ahead, job.zone, spec.credential || ofDevice),
      bastions: bastions.map(({ credential, ...bastion }) => ({
        ...bastion,
        login: (ahead) => stored(ahead, job.zone, credential),
      })),
      more: {
        ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
        ...(cryptoProfile === undefined ? {} : { cryptoProfile }),
        ...(device.labels[siteLabel] === undefined ? {} : { site: device.labels[siteLabel] }),
        limits: {
          ...(device.maxSessions === undefined ? {} : { maxSessions: device.maxSessions }),
          ...(device.connectsPerMinute === undefined ? {} : { connectsPerMinute: device.connectsPerMinute }),
        },
      },
    };
  }

  function inlineTarget({ job, sealedSecret }: Claim, inline: InlineEndpoint): Target {
    const what = "the job's own login";
    let logins: OwnLogins | undefined;
    const own = (pick: (logins: OwnLogins) => Login | undefined, key: string): KeyedAccount => {
      logins ??= opened(sealedSecret ?? new Uint8Array(), jobPlace(job.id), what, decodeLogins);
      const login = pick(logins);
      if (!login) throw new AttemptError("CREDENTIAL_UNAVAILABLE", `${what} is not there`);
      return { account: accountOf(login, what), accountKey: keyed(job.zone, `${jobPlace(job.id)}${key}`) };
    };
    const login = async (ahead: ReadAhead): Promise<KeyedAccount> =>
      inline.login.case === "credential" ? stored(ahead, job.zone, inline.login.value) : own((all) => all.login, "");
    const bastionLogin = async (ahead: ReadAhead, bastion: InlineBastion, index: number): Promise<KeyedAccount> => {
      if (bastion.login.case === "credential") return stored(ahead, job.zone, bastion.login.value);
      return bastion.ownLogin ? own((all) => all.bastions[index], `/${index}`) : login(ahead);
    };
    const { address, port, platform, hostKeys, bastions } = inline;
    const cryptoProfile = profiles[inline.cryptoProfile];
    return {
      ...{ address, port: port || defaultPort, platform, hostKeys, policy: defaultHostKeyPolicy, login, labels: {} },
      bastions: bastions.map((bastion, index) => ({
        ...{ address: bastion.address, port: bastion.port || defaultPort, hostKeys: bastion.hostKeys },
        login: (ahead) => bastionLogin(ahead, bastion, index),
      })),
      more: cryptoProfile === undefined ? {} : { cryptoProfile },
    };
  }

  async function targetOf(claim: Claim, spec: JobSpec): Promise<Target> {
    const { job } = claim;
    if (spec.target.case === "endpoint") return inlineTarget(claim, spec.target.value);
    const name = job.device ?? "";
    const device = await store.devices.get(name);
    if (!device) throw new AttemptError("DEVICE_GONE", `device ${name} is not in the inventory any more`);
    if (device.endpoint !== job.endpoint || device.zone !== job.zone) {
      throw new AttemptError("DEVICE_GONE", `device ${name} has moved to another endpoint`);
    }
    return deviceTarget(job, spec, device);
  }

  return async function reach(claim: Claim, spec: JobSpec): Promise<ReachableEndpoint> {
    const { zone, endpoint: exclusive } = claim.job;
    const ahead = aheadFor(`${zone} ${exclusive} ${claim.job.effectClass}`);
    const target = await targetOf(claim, spec);
    const platform = platforms.get(target.platform);
    if (!platform) throw new AttemptError("UNKNOWN_PLATFORM", `this worker knows no platform ${target.platform}`);
    const hop = async (place: Omit<Described, "bastions">, before: readonly Described[]): Promise<ReachableHop> => {
      const { address, port, hostKeys } = place;
      const [login, known] = await Promise.all([
        place.login(ahead),
        hostKeys.length > 0 ? hostKeys : knownKeys(ahead, zone, { address, port, bastions: before }),
      ]);
      return { address, port, ...login, hostKeys: { mode: target.policy, known } };
    };
    const [bastions, device] = await Promise.all([
      Promise.all(target.bastions.map((bastion, index) => hop(bastion, target.bastions.slice(0, index)))),
      hop(target, target.bastions),
    ]);
    const expect = expectedBy(spec) ?? target.expect;
    return {
      ...(expect && { expect }),
      ...{ ...device, ...target.more, platform, zone, exclusive, labels: target.labels },
      ...(bastions.length > 0 ? { bastions } : {}),
    };
  };
}

/** What the inventory expects is asked of work that can change a device, and of whatever compares or writes configuration. */
function isAsked({ effectClass, type }: JobRecord): boolean {
  return effectClass !== "READ_ONLY" || type === "configure";
}

function expectedBy({ expect }: JobSpec): ExpectedIdentity | undefined {
  if (!expect || (expect.hostName === "" && expect.serial === "")) return undefined;
  const { hostName, serial } = expect;
  return { ...(hostName !== "" && { hostName }), ...(serial !== "" && { serial }) };
}

export type Reach = ReturnType<typeof createReach>;
