import { link, open, readFile, rm, stat } from "node:fs/promises";
import type { Random } from "../domain/clock.js";

/** Where the sealing key comes from. */
export interface SealingKeySource {
  /** Path of a file that only its owner can read. */
  readonly file?: string;
  /** The key itself, as text, from the environment. Wins over the file. */
  readonly env?: string;
  /** Makes the file, with a new key, when it is missing. */
  readonly create?: Random;
}

const keyBytes = 32;

/**
 * The sealing key: 32 bytes, given as base64, as hexadecimal, or (in a file) raw. Throws one line that says what is
 * wrong and how to mend it; the line never holds any part of the key.
 */
export async function loadSealingKey(source: SealingKeySource): Promise<Uint8Array> {
  if (source.env !== undefined && source.env !== "") {
    const key = decodeText(source.env);
    if (!key) throw new Error("The sealing key in the environment is not 32 bytes of base64 or hexadecimal");
    return key;
  }
  const { file } = source;
  if (file === undefined) {
    throw new Error(
      "No sealing key: set sealing_key_file (POINTSMAN_SEALING_KEY_FILE), or POINTSMAN_SEALING_KEY; " +
        "`openssl rand -base64 32` makes one",
    );
  }
  return (await readKey(file)) ?? (await createKey(file, source.create));
}

async function readKey(file: string): Promise<Uint8Array | undefined> {
  let bytes: Buffer;
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      const seen = (mode & 0o777).toString(8).padStart(4, "0");
      throw new Error(`The sealing key ${file} can be read by others (mode ${seen}): chmod 600 it`);
    }
    bytes = await readFile(file);
  } catch (error) {
    if (error instanceof Error && "code" in error) {
      if (error.code === "ENOENT") return undefined;
      throw new Error(`The sealing key ${file} cannot be read (${String(error.code)})`);
    }
    throw error;
  }
  const key = bytes.length === keyBytes ? new Uint8Array(bytes) : decodeText(bytes.toString("utf8"));
  if (!key) throw new Error(`The sealing key ${file} is not 32 bytes: neither raw nor as base64 or hexadecimal`);
  return key;
}

/** Written whole under another name and then linked: of two processes that start at once, both get the same key. */
async function createKey(file: string, random: Random | undefined): Promise<Uint8Array> {
  if (!random) throw new Error(`The sealing key ${file} is missing (\`openssl rand -base64 32\` makes one; mode 0600)`);
  const draft = `${file}.${Buffer.from(random.bytes(6)).toString("hex")}`;
  const handle = await open(draft, "wx", 0o600);
  try {
    await handle.writeFile(`${Buffer.from(random.bytes(keyBytes)).toString("base64")}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(draft, file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const key = await readKey(file);
  if (!key) throw new Error(`The sealing key ${file} vanished while it was made`);
  return key;
}

function decodeText(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return new Uint8Array(Buffer.from(trimmed, "hex"));
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return undefined;
  const bytes = Buffer.from(trimmed, "base64");
  return bytes.length === keyBytes ? new Uint8Array(bytes) : undefined;
}
