import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RedisOptions } from "ioredis";

/** How a server is told to listen, and how one talks to it: in clear text or over TLS. */
export interface RedisSpeech {
  readonly tls: boolean;
  /** Arguments of the server. */
  listen(port: number): readonly string[];
  /** Options of a plain connection. */
  readonly look: Omit<RedisOptions, "replyMapping">;
  /** Options of a Redis URL, with the question mark. */
  readonly query: string;
}

/** Clear text. */
export const clearText: RedisSpeech = {
  tls: false,
  listen: (port) => ["--port", String(port)],
  look: {},
  query: "",
};

/** TLS alone, with an authority made for the occasion; clients show a certificate of it as well. */
export async function speakTls(dir: string): Promise<RedisSpeech> {
  await makeCertificates(dir);
  const file = (name: string): string => join(dir, name);
  const [ca, cert, key] = await Promise.all(
    ["ca.crt", "client.crt", "client.key"].map((name) => readFile(file(name), "utf8")),
  );
  const query = new URLSearchParams({ ca: file("ca.crt"), cert: file("client.crt"), key: file("client.key") });
  return {
    tls: true,
    listen: (port) => [
      ...["--port", "0", "--tls-port", String(port), "--tls-replication", "yes"],
      ...["--tls-ca-cert-file", file("ca.crt"), "--tls-cert-file", file("server.crt")],
      ...["--tls-key-file", file("server.key")],
    ],
    look: { tls: { ca, cert, key } },
    query: `?${query.toString()}`,
  };
}

async function makeCertificates(dir: string): Promise<void> {
  const openssl = (...args: string[]): Promise<unknown> => promisify(execFile)("openssl", args, { cwd: dir });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const authority = ["-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test authority"];
  await openssl("req", "-x509", ...key, ...authority);
  await writeFile(join(dir, "names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  for (const name of ["server", "client"]) {
    await openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"];
    await openssl("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.crt`, ...signed);
  }
}
