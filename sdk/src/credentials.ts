import { createClient } from "@connectrpc/connect";
import { present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import { loginMessage, type LoginInput } from "./job-target.js";
import { createPagedList, type ListOptions, type PagedList } from "./page.js";
import { CredentialService, type Credential } from "./v1.js";

/** Keeps logins for devices. Secrets go in, never out. */
export interface Credentials {
  create(name: string, login: LoginInput, options?: CallOptions): Promise<Credential>;
  /** Replaces the login as a whole; what is not given is removed. */
  update(name: string, login: LoginInput, options?: CallOptions): Promise<Credential>;
  /** Credentials by name, without their secrets. */
  list(options?: CallOptions & ListOptions): PagedList<Credential>;
  /** Forgets a credential that no device uses. */
  delete(name: string, options?: CallOptions): Promise<void>;
}

/** Makes the credentials' part of a client. */
export function createCredentials(connection: Connection): Credentials {
  const client = createClient(CredentialService, connection.transport);
  return {
    async create(name, login, options = {}) {
      const request = { name, login: loginMessage(login) };
      const response = await callUnary(connection, options, (call) => client.createCredential(request, call));
      return present(response.credential);
    },
    async update(name, login, options = {}) {
      const request = { name, login: loginMessage(login) };
      const response = await callUnary(connection, options, (call) => client.updateCredential(request, call));
      return present(response.credential);
    },
    list(options = {}) {
      return createPagedList(async (pageToken) => {
        const request = { pageSize: options.pageSize ?? 0, pageToken };
        const response = await callUnary(connection, options, (call) => client.listCredentials(request, call));
        return { items: response.credentials, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    async delete(name, options = {}) {
      await callUnary(connection, options, (call) => client.deleteCredential({ name }, call));
    },
  };
}
