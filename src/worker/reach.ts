import type { Account, Endpoint, Platform } from "../device/index.js";
import type { Login } from "@pointsman/sdk/v1";
import { defaultPort } from "../domain/endpoint-key.js";
import type { JobRecord } from "../domain/job.js";
import { credentialPlace, decodeLogin, jobPlace } from "../secrets/login-codec.js";
import { SealError, type Sealer } from "../secrets/sealer.js";
import type { Claim, Store } from "../store/store.js";
import { AttemptError } from "./failure.js";
import type { JobSpec } from "@pointsman/sdk/v1";

/** A device as the pool sees it, and what it is exclusive by. */
export interface ReachableEndpoint extends Endpoint {
  readonly zone: string;
  readonly exclusive: string;
}

export interface ReachOptions {
  readonly store: Pick<Store, "devices" | "credentials">;
  readonly sealer: Sealer;
  readonly platforms: ReadonlyMap<string, Platform>;
  readonly defaultHostKeyPolicy: "strict" | "accept-new";
}

interface Place {
  readonly address: string;
  readonly port: number;
  readonly platform: string;
  readonly policy: "strict" | "accept-new";
  readonly connectTimeoutMs?: number;
}

/**
 * Finds out, when a job is claimed, where its device is now and how to log in. This is the one place where a secret is
 * opened. Throws AttemptError: DEVICE_GONE, CREDENTIAL_UNAVAILABLE, UNKNOWN_PLATFORM.
 */
export function createReach({ store, sealer, platforms, defaultHostKeyPolicy }: ReachOptions) {
  function opened(sealed: Uint8Array, place: string, what: string): Login {
    try {
      return decodeLogin(sealer.open(sealed, place));
    } catch (error) {
      const why = error instanceof SealError ? error.message : "it cannot be read";
      throw new AttemptError("CREDENTIAL_UNAVAILABLE", `${what}: ${why}`);
    }
  }

  async function stored(name: string): Promise<{ account: Account; accountKey: string }> {
    const credential = await store.credentials.get(name);
    if (!credential) throw new AttemptError("CREDENTIAL_UNAVAILABLE", `no credential ${name}`, { credential: name });
    const login = opened(credential.sealed, credentialPlace(name), `credential ${name}`);
    return { account: accountOf(login), accountKey: `credential/${name}/${credential.version}/${credential.createMs}` };
  }

  async function place(job: JobRecord, spec: JobSpec): Promise<{ place: Place; credential?: string; keys: string[] }> {
    if (spec.target.case === "endpoint") {
      const { address, port, platform, hostKeys, login } = spec.target.value;
      const known =
        hostKeys.length > 0 ? hostKeys : await store.devices.hostKeys(job.zone, address, port || defaultPort);
      return {
        place: { address, port: port || defaultPort, platform, policy: defaultHostKeyPolicy },
        ...(login.case === "credential" ? { credential: login.value } : {}),
        keys: [...known],
      };
    }
    const name = job.device ?? "";
    const device = await store.devices.get(name);
    if (!device) throw new AttemptError("DEVICE_GONE", `device ${name} is not in the inventory any more`);
    if (device.endpoint !== job.endpoint || device.zone !== job.zone) {
      throw new AttemptError("DEVICE_GONE", `device ${name} has moved to another endpoint`);
    }
    return {
      place: { ...device, policy: device.hostKeyPolicy ?? defaultHostKeyPolicy },
      credential: device.credential,
      keys: [...(await store.devices.hostKeys(job.zone, device.address, device.port))],
    };
  }

  return async function reach(claim: Claim, spec: JobSpec): Promise<ReachableEndpoint> {
    const { job, sealedSecret } = claim;
    const { place: at, credential, keys } = await place(job, spec);
    const platform = platforms.get(at.platform);
    if (!platform) throw new AttemptError("UNKNOWN_PLATFORM", `this worker knows no platform ${at.platform}`);
    const login =
      credential === undefined
        ? {
            account: accountOf(opened(sealedSecret ?? new Uint8Array(), jobPlace(job.id), "the job's own login")),
            accountKey: jobPlace(job.id),
          }
        : await stored(credential);
    return {
      account: login.account,
      // Two zones may use the same addresses: what a pool must never mix up goes into the key.
      accountKey: `${job.zone}/${login.accountKey}`,
      platform,
      address: at.address,
      port: at.port,
      hostKeys: { mode: at.policy, known: keys },
      ...(at.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: at.connectTimeoutMs }),
      zone: job.zone,
      exclusive: job.endpoint,
    };
  };
}

export type Reach = ReturnType<typeof createReach>;

function accountOf(login: Login): Account {
  const { username, password, privateKey, passphrase, enableSecret } = login;
  return {
    username,
    ...(password === "" ? {} : { password }),
    ...(privateKey === "" ? {} : { privateKey }),
    ...(passphrase === "" ? {} : { passphrase }),
    ...(enableSecret === "" ? {} : { enableSecret }),
  };
}
