import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { LoginInput } from "@pointsman/sdk";
import type { CliIo } from "./io.js";
import { UsageError } from "./parse.js";

/** Thrown when a person answers a prompt with Ctrl-C. */
export class PromptAborted extends Error {
  override readonly name = "PromptAborted";
}

/** Asks for secrets: at a terminal by prompt, without echo; else line by line from standard input. Never from argv. */
export interface SecretSource {
  /** The next secret. `what` completes "Enter …" for a person. */
  ask(what: string): Promise<string>;
  /** A question that is answered in the open; undefined without a terminal. */
  confirm(question: string): Promise<boolean | undefined>;
  close(): void;
}

/** Reads secrets from the given terminal. */
export function createSecretSource(io: Pick<CliIo, "stdin" | "stderr">): SecretSource {
  let lines: AsyncIterator<string> | undefined;
  let close = (): void => undefined;
  const nextLine = async (): Promise<string | undefined> => {
    if (lines === undefined) {
      const reader = createInterface({ input: io.stdin, crlfDelay: Infinity });
      lines = reader[Symbol.asyncIterator]();
      close = () => reader.close();
    }
    const line = await lines.next();
    return line.done ? undefined : line.value;
  };
  return {
    async ask(what) {
      if (io.stdin.isTTY) return await promptLine(io, `${what}: `, false);
      const line = await nextLine();
      if (line === undefined) throw new UsageError(`standard input ended before the line with the ${what}`);
      return line;
    },
    async confirm(question) {
      if (!io.stdin.isTTY) return undefined;
      return /^y(es)?$/i.test((await promptLine(io, `${question} (yes/no): `, true)).trim());
    },
    close: () => close(),
  };
}

/** Reads one line key by key. The terminal is in raw mode meanwhile, so nothing is echoed unless `echo` says so. */
async function promptLine(io: Pick<CliIo, "stdin" | "stderr">, prompt: string, echo: boolean): Promise<string> {
  io.stderr.write(prompt);
  io.stdin.setRawMode?.(true);
  io.stdin.resume();
  try {
    return await new Promise<string>((resolve, reject) => {
      let typed = "";
      const end = (settle: () => void): void => {
        io.stdin.off("data", onData);
        io.stderr.write("\n");
        settle();
      };
      const onData = (chunk: Buffer | string): void => {
        const chars = [...chunk.toString()];
        for (const [index, char] of chars.entries()) {
          if (char === "\r" || char === "\n") {
            end(() => resolve(typed));
            // What was pasted behind the newline answers the next prompt.
            const rest = chars.slice(index + 1).join("");
            if (rest !== "") io.stdin.unshift(Buffer.from(rest));
            return;
          }
          if (char === "\x03") return end(() => reject(new PromptAborted("interrupted")));
          if (char === "\x04" && typed === "") return end(() => reject(new PromptAborted("no answer")));
          if (char === "\x15") typed = "";
          else if (char === "\x7f" || char === "\b") typed = [...typed].slice(0, -1).join("");
          else if (char >= " ") {
            typed += char;
            if (echo) io.stderr.write(char);
          }
        }
      };
      io.stdin.on("data", onData);
    });
  } finally {
    io.stdin.setRawMode?.(false);
    io.stdin.pause();
  }
}

/** Which secrets a login needs. */
export interface LoginNeeds {
  readonly username: string;
  /** File with a private key, used in place of a password. */
  readonly identity?: string | undefined;
  /** Whether to ask for the secret of the privileged mode. */
  readonly enable?: boolean | undefined;
  /** Whether the keys of the agent beside the worker are used in place of a password. */
  readonly agent?: boolean | undefined;
}

/** Gathers a login: password, or key with its passphrase, then the enable secret. `whose` is named in the prompts. */
export async function askLogin(secrets: SecretSource, needs: LoginNeeds, whose: string): Promise<LoginInput> {
  const login: { -readonly [K in keyof LoginInput]: LoginInput[K] } = { username: needs.username };
  if (needs.agent) login.useAgent = true;
  if (needs.identity === undefined) {
    if (needs.agent)
      return needs.enable ? { ...login, enableSecret: await secrets.ask(`enable secret for ${whose}`) } : login;
    login.password = await secrets.ask(`password for ${whose}`);
  } else {
    login.privateKey = await readIdentity(needs.identity);
    if (isEncrypted(login.privateKey)) login.passphrase = await secrets.ask(`passphrase of ${needs.identity}`);
  }
  if (needs.enable) login.enableSecret = await secrets.ask(`enable secret for ${whose}`);
  return login;
}

async function readIdentity(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`cannot read ${file}: ${error.code ?? error.message}`);
  });
  if (!text.includes("PRIVATE KEY-----")) throw new UsageError(`${file} is not a private key in PEM or OpenSSH form`);
  return text;
}

/** Whether a private key asks for a passphrase. In the OpenSSH form the cipher's name stands behind the magic. */
function isEncrypted(key: string): boolean {
  if (/ENCRYPTED/.test(key)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(key)?.[1];
  if (body === undefined) return false;
  const bytes = Buffer.from(body, "base64");
  const magic = "openssh-key-v1\0".length;
  if (bytes.length < magic + 4) return false;
  return bytes.toString("latin1", magic + 4, magic + 4 + bytes.readUInt32BE(magic)) !== "none";
}
