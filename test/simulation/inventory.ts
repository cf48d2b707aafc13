import { create } from "@bufbuild/protobuf";
import { LoginSchema } from "@pointsman/sdk/v1";
import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import { endpointKey } from "../../src/domain/endpoint-key.js";
import { credentialPlace, encodeLogin } from "../../src/secrets/login-codec.js";
import { createSealer } from "../../src/secrets/sealer.js";
import type { CredentialStore, DeviceRecord, DeviceStore } from "../../src/store/store.js";
import { epochMs } from "./machine.js";

const random = createSeededRandom("sealing key");

/** Seals what is secret in every simulated world. */
export const sealer = createSealer({ key: random.bytes(32), random });

const sealed = sealer.seal(
  encodeLogin(create(LoginSchema, { username: "admin", password: "secret" })),
  credentialPlace("lab"),
);

/** What people entered once and nobody changes: no fault of this world touches it. */
export interface Inventory {
  readonly names: readonly string[];
  readonly devices: DeviceStore;
  readonly credentials: CredentialStore;
}

export function createInventory(count: number): Inventory {
  const names = Array.from({ length: count }, (_, i) => `r${i + 1}`);
  const records = new Map<string, DeviceRecord>(
    names.map((name, i) => {
      const address = `10.0.0.${i + 1}`;
      const place = { address, port: 22, endpoint: endpointKey({ address, port: 22 }), zone: "default" };
      const rest = { platform: "cisco_ios", credential: "lab", labels: {}, createMs: epochMs, updateMs: epochMs };
      return [name, { name, ...place, ...rest }];
    }),
  );
  const devices: Partial<DeviceStore> = {
    get: (name) => Promise.resolve(records.get(name)),
    getMany: (some) => Promise.resolve(some.map((name) => records.get(name))),
    hostKeys: () => Promise.resolve([]),
  };
  const login = { name: "lab", username: "admin", hasPassword: true, hasPrivateKey: false, hasEnableSecret: false };
  const credentials: Partial<CredentialStore> = {
    get: () => Promise.resolve({ ...login, sealed, version: 1, createMs: epochMs, updateMs: epochMs }),
  };
  return { names, devices: devices as DeviceStore, credentials: credentials as CredentialStore };
}
