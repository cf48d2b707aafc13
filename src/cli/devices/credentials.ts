import type { Command } from "commander";
import { fromJson, toJson, type LoginInput } from "@pointsman/sdk";
import { CredentialSchema, LoginSchema, type Credential } from "@pointsman/sdk/v1";
import { readTextFile, type CommandKit, type CommonOptions, type Context } from "../terminal/command.js";
import { time } from "../terminal/format.js";
import { UsageError } from "../terminal/parse.js";
import { askLogin } from "../terminal/secrets.js";
import { table } from "../terminal/table.js";

interface LoginOptions extends CommonOptions {
  readonly username?: string;
  readonly identity?: string;
  readonly enable?: boolean;
  readonly agent?: boolean;
  readonly fromJson?: string;
}

/** `credentials`: logins for devices. Secrets come from a prompt, standard input or a file, never from argv. */
export function registerCredentials(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "credentials", "Keep logins for devices");

  const list = kit.command(group, "list", "List credentials, without their secrets (the default)", { isDefault: true });
  kit.run<CommonOptions>(list, async ({ client, out, signal }) => {
    const all: Credential[] = [];
    for await (const credential of client.credentials.list({ pageSize: 1000, signal })) all.push(credential);
    if (out.json) return await out.document({ credentials: all.map((one) => toJson(CredentialSchema, one)) });
    if (all.length === 0) return await out.note("no credential");
    const rows = all.map((one) => [one.name, one.username, holds(one), `${one.version}`, time(one.updateTime)]);
    await out.line(table(["name", "username", "holds", "version", "changed"], rows));
  });

  const add = withLogin(kit.command(group, "add", "Store a login under a name"));
  kit.run<LoginOptions>(add, async (context) => {
    const name = context.words[0] ?? "";
    const credential = await context.client.credentials.create(name, await login(context), { signal: context.signal });
    await tell(context, credential, "stored");
  });

  const update = withLogin(kit.command(group, "update", "Replace a login as a whole"));
  kit.run<LoginOptions>(update, async (context) => {
    const name = context.words[0] ?? "";
    const credential = await context.client.credentials.update(name, await login(context), { signal: context.signal });
    await tell(context, credential, `now version ${credential.version}`);
  });

  const remove = kit
    .command(group, "remove", "Forget credentials that no device uses")
    .argument("<names...>", "the credentials");
  kit.run<CommonOptions>(remove, async ({ client, out, signal, words }) => {
    for (const name of words) {
      await client.credentials.delete(name, { signal });
      if (!out.json) await out.line(`${name} removed`);
    }
    if (out.json) await out.document({ removed: words });
  });
}

function withLogin(command: Command): Command {
  return command
    .argument("<name>", "name of the credential")
    .option("--username <name>", "account on the devices")
    .option("--identity <file>", "a private key, in place of a password")
    .option("--agent", "the keys of the SSH agent beside the worker, in place of a password")
    .option("--enable", "ask for the secret of the privileged mode too")
    .option(
      "--from-json <file>",
      'the whole login as JSON, "-" for standard input: username, password, privateKey, passphrase, enableSecret, useAgent',
    )
    .addHelpText(
      "after",
      "\nAsks for the secrets, or reads them from standard input, one a line:\n" +
        "the password (or the key's passphrase, if it has one), then with --enable the enable secret.",
    );
}

async function login({ io, options, secrets, words }: Context<LoginOptions>): Promise<LoginInput> {
  if (options.fromJson !== undefined) {
    if (options.username !== undefined || options.identity !== undefined || options.enable || options.agent) {
      throw new UsageError("--from-json holds the whole login; leave the other options out");
    }
    return parseLogin(options.fromJson === "-" ? await readAll(io.stdin) : await readTextFile(options.fromJson));
  }
  if (options.username === undefined) throw new UsageError("--username is missing");
  return await askLogin(secrets, { ...options, username: options.username }, `${options.username} (${words[0] ?? ""})`);
}

function parseLogin(text: string): LoginInput {
  try {
    return fromJson(LoginSchema, JSON.parse(text) as Parameters<typeof fromJson>[1]);
  } catch {
    // The parser's own words would quote the text, and the text is a secret.
    throw new UsageError("the login is not the JSON of username, password, privateKey, passphrase and enableSecret");
  }
}

async function readAll(stream: AsyncIterable<Buffer | string>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

function holds(credential: Credential): string {
  return [
    ...(credential.hasPassword ? ["password"] : []),
    ...(credential.hasPrivateKey ? ["key"] : []),
    ...(credential.hasEnableSecret ? ["enable"] : []),
  ].join("+");
}

async function tell({ out }: Context<LoginOptions>, credential: Credential, what: string): Promise<void> {
  if (out.json) await out.document(toJson(CredentialSchema, credential));
  else await out.line(`${credential.name} ${what} (${holds(credential) || "no secret"})`);
}
