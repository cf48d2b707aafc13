import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type Scripts, text } from "./scripts.js";
import { type CredentialRecord, type CredentialStore, StoreError } from "./store.js";

type NewCredential = Omit<CredentialRecord, "version" | "createMs" | "updateMs">;

function missing(name: string): StoreError {
  return new StoreError("CREDENTIAL_NOT_FOUND", `no credential ${name}`, { credential: name });
}

/** Logins. What is secret in them reaches the store sealed. */
export function createCredentialStore(redis: StoreConnection, scripts: Scripts, keys: KeySpace): CredentialStore {
  const root = keys.installation;

  async function get(name: string): Promise<CredentialRecord | undefined> {
    const stored = await redis.hgetallBuffer(keyOf(root, "credential", name));
    const sealed = stored["sealed"];
    if (!sealed) return undefined;
    const field = (key: string): string => stored[key]?.toString() ?? "";
    return {
      name,
      username: field("username"),
      hasPassword: field("password") === "1",
      hasPrivateKey: field("privateKey") === "1",
      hasEnableSecret: field("enableSecret") === "1",
      sealed,
      version: Number(field("version")),
      createMs: Number(field("created")),
      updateMs: Number(field("updated")),
    };
  }

  async function write(how: "create" | "update", credential: NewCredential): Promise<CredentialRecord> {
    const flag = (value: boolean): string => (value ? "1" : "0");
    const reply = list(
      await scripts.run(
        "write_credential",
        root,
        ...[how, credential.name, "username", credential.username, "sealed", credential.sealed],
        ...["password", flag(credential.hasPassword), "privateKey", flag(credential.hasPrivateKey)],
        ...["enableSecret", flag(credential.hasEnableSecret)],
      ),
    );
    if (text(reply[0]) === "EXISTS") {
      throw new StoreError("CREDENTIAL_EXISTS", `credential ${credential.name} exists`, {
        credential: credential.name,
      });
    }
    if (text(reply[0]) === "MISSING") throw missing(credential.name);
    const [version, createMs, updateMs] = reply.slice(1).map(Number);
    return { ...credential, version: version ?? 0, createMs: createMs ?? 0, updateMs: updateMs ?? 0 };
  }

  return {
    create: (credential) => write("create", credential),
    update: (credential) => write("update", credential),
    get,
    async list({ limit, after }) {
      const start = after === undefined ? "-" : `(${after}`;
      const names = await redis.zrange(keyOf(root, "credentials"), start, "+", "BYLEX", "LIMIT", 0, limit);
      const credentials = (await Promise.all(names.map(get))).filter((credential) => credential !== undefined);
      const last = names.at(-1);
      return { credentials, ...(names.length === limit && last !== undefined ? { next: last } : {}) };
    },
    async remove(name) {
      const [answer, user] = list(await scripts.run("remove_credential", root, name));
      if (text(answer) === "MISSING") throw missing(name);
      if (text(answer) === "USED") {
        const device = text(user);
        throw new StoreError("CREDENTIAL_IN_USE", `device ${device} uses credential ${name}`, {
          credential: name,
          device,
        });
      }
    },
  };
}
