import type { BastionInput, InlineBastionInput, LoginInput } from "@pointsman/sdk";
import { requireKnownHostKeys } from "./known-hosts.js";
import { parseTarget, UsageError } from "../terminal/parse.js";
import { askLogin, type SecretSource } from "../terminal/secrets.js";

/** A file of known host keys, as it was read. */
export interface KnownHostsFile {
  readonly file: string;
  readonly text: string;
}

/** "HOST", "USER@HOST", "USER@HOST:PORT": a host on the way, and who logs in to it. */
function parseBastion(text: string): { readonly username?: string; readonly address: string; readonly port: number } {
  const target = parseTarget(text.includes("@") ? text : `-@${text}`);
  if ("device" in target) throw new UsageError(`"${text}" is no bastion; write it like admin@gw.example:2222`);
  const { username, address, port = 22 } = target;
  return { ...(username === "-" ? {} : { username }), address, port };
}

function keysOf(known: KnownHostsFile | undefined, address: string, port: number): string[] | undefined {
  return known && requireKnownHostKeys(known.text, known.file, address, port);
}

/** Bastions of a device in the inventory: what stands before the "@" is the name of a stored credential. */
export function inventoryBastions(texts: readonly string[], known: KnownHostsFile | undefined): BastionInput[] {
  return texts.map((text) => {
    const { username: credential, address, port } = parseBastion(text);
    if (credential === undefined) {
      throw new UsageError(`"${text}" names no credential; write it like jump@${text}, jump being one that is stored`);
    }
    return { address, port, credential, hostKeys: keysOf(known, address, port) };
  });
}

/** Bastions of a device given by address; whoever is named before an "@" is asked for a secret, else it is the device's login. */
export async function inlineBastions(
  texts: readonly string[],
  known: KnownHostsFile | undefined,
  secrets: SecretSource,
  identity: string | undefined,
): Promise<InlineBastionInput[]> {
  const bastions: InlineBastionInput[] = [];
  for (const text of texts) {
    const { username, address, port } = parseBastion(text);
    const login: LoginInput | undefined =
      username === undefined ? undefined : await askLogin(secrets, { username, identity }, text);
    bastions.push({ address, port, login, hostKeys: keysOf(known, address, port) });
  }
  return bastions;
}
