import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Makes a certificate for this machine that is its own authority, as `<name>.pem` and `<name>.key` in a folder. */
export async function makeCertificate(dir: string, name: string) {
  const [keyFile, certFile] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  await promisify(execFile)("openssl", ["req", "-x509", ...curve, "-keyout", keyFile, "-out", certFile, ...subject]);
  return { keyFile, certFile, key: await readFile(keyFile), cert: await readFile(certFile) };
}
