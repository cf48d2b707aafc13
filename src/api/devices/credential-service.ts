import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type Credential,
  CredentialSchema,
  type CredentialService,
  DeviceFilterSchema,
  type Login,
} from "@pointsman/sdk/v1";
import { credentialPlace, encodeLogin } from "../../secrets/login-codec.js";
import type { Sealer } from "../../secrets/sealer.js";
import type { CredentialRecord, CredentialStore } from "../../store/store.js";
import { listKey, pageSize, readPageToken, writePageToken } from "../page-token.js";

/** Keeps logins: their secrets are sealed before they leave this process, and no answer holds them. */
export function createCredentialService(parts: {
  readonly credentials: CredentialStore;
  readonly sealer: Sealer;
}): ServiceImpl<typeof CredentialService> {
  const { credentials, sealer } = parts;
  const record = (name: string, login: Login): Parameters<CredentialStore["create"]>[0] => ({
    name,
    username: login.username,
    hasPassword: login.password !== "",
    hasPrivateKey: login.privateKey !== "",
    hasEnableSecret: login.enableSecret !== "",
    sealed: sealer.seal(encodeLogin(login), credentialPlace(name)),
  });
  return {
    createCredential: async ({ name, login }) => ({ credential: view(await credentials.create(record(name, login!))) }),
    updateCredential: async ({ name, login }) => ({ credential: view(await credentials.update(record(name, login!))) }),
    async listCredentials(request) {
      const key = listKey("ListCredentials", DeviceFilterSchema, undefined);
      const after = readPageToken(key, 1, request.pageToken)?.[0];
      const page = await credentials.list({ limit: pageSize(request.pageSize), ...(after !== undefined && { after }) });
      return {
        credentials: page.credentials.map(view),
        nextPageToken: page.next === undefined ? "" : writePageToken(key, [page.next]),
      };
    },
    async deleteCredential({ name }) {
      await credentials.remove(name);
      return {};
    },
  };
}

function view(record: CredentialRecord): Credential {
  return create(CredentialSchema, {
    name: record.name,
    username: record.username,
    hasPassword: record.hasPassword,
    hasPrivateKey: record.hasPrivateKey,
    hasEnableSecret: record.hasEnableSecret,
    version: record.version,
    createTime: timestampFromMs(record.createMs),
    updateTime: timestampFromMs(record.updateMs),
  });
}
