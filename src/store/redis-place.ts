/**
 * Where Redis is, as one value: `scheme://[user[:password]@]host[:port][,host[:port]…][/path][?option=value&…]`.
 *
 * | scheme | hosts | path |
 * |---|---|---|
 * | `redis`, `rediss` | the one process; port 6379 | number of the database, default 0 |
 * | `unix` (or a bare path) | none | the socket |
 * | `redis-sentinel`, `rediss-sentinel` | the Sentinels; port 26379 | name of the primary, then optionally `/<database>` |
 * | `redis-cluster`, `rediss-cluster` | some of the nodes; port 6379 | none |
 *
 * The schemes with two `s` speak TLS, to Sentinels as well. Their options name PEM files: `ca` (default: the machine's
 * own authorities), `cert` and `key` (together; for servers that ask clients for one), and `servername`, the name that
 * the certificates carry when it is not the host's. `sentinel_username` and `sentinel_password` are for Sentinels that
 * ask for a login; user and password of the URL go to Redis alone. Everything is percent-decoded.
 */
export type RedisUrl = string;

/** A process that listens. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Names of PEM files, and the name that the certificates are checked against. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** How one logs in. Without a user name the password is that of Redis' user `default`. */
export interface Login {
  readonly username?: string;
  readonly password?: string;
}

/** A {@link RedisUrl}, read. */
export interface RedisPlace {
  readonly kind: "socket" | "single" | "sentinel" | "cluster";
  /** The process, the Sentinels, or some of the cluster's nodes. Empty for a socket. */
  readonly hosts: readonly HostPort[];
  /** Path of the unix socket. */
  readonly path: string;
  /** What the Sentinels call the primary. */
  readonly primary: string;
  /** Number of the database; a cluster has only 0. */
  readonly database: number;
  readonly login: Login;
  readonly sentinelLogin: Login;
  readonly tls: TlsFiles | undefined;
}

const schemes: Readonly<Record<string, { readonly kind: RedisPlace["kind"]; readonly tls: boolean }>> = {
  redis: { kind: "single", tls: false },
  rediss: { kind: "single", tls: true },
  unix: { kind: "socket", tls: false },
  "redis-sentinel": { kind: "sentinel", tls: false },
  "rediss-sentinel": { kind: "sentinel", tls: true },
  "redis-cluster": { kind: "cluster", tls: false },
  "rediss-cluster": { kind: "cluster", tls: true },
};

const tlsOptions = ["ca", "cert", "key", "servername"] as const;

/** Reads where Redis is. Throws what is wrong as the rest of a sentence, without any part that may be secret. */
export function parseRedisUrl(url: RedisUrl): RedisPlace {
  const whole = /^([a-z-]+):\/\/(?:([^/?]*)@)?([^/?@]*)(\/[^?]*)?(?:\?(.*))?$/.exec(
    url.startsWith("/") ? `unix://${url}` : url,
  );
  const scheme = schemes[whole?.[1] ?? ""];
  if (!whole || !scheme) {
    throw new Error(`must be the path of a unix socket, or a URL of ${Object.keys(schemes).join(", ")}`);
  }
  const { kind, tls } = scheme;
  const [, , userinfo, hosts = "", rawPath = "", query = ""] = whole;
  // A password with a bare "/" or "?" is taken for hosts and options: then what is wrong is a piece of it.
  const quote = (piece: string): string => {
    if (!`${rawPath}?${query}`.includes("@")) return JSON.stringify(piece);
    throw new Error("has a / or ? in its user name or password that is not percent-encoded");
  };
  const options = new URLSearchParams(query);
  const allowed = [
    ...(tls ? tlsOptions : []),
    ...(kind === "sentinel" ? ["sentinel_username", "sentinel_password"] : []),
  ];
  for (const name of options.keys()) {
    if (!allowed.includes(name)) throw new Error(`has the option ${quote(name)}, which ${whole[1]}:// does not know`);
  }
  const option = (name: string): string | undefined => options.get(name) ?? undefined;
  if ((option("cert") === undefined) !== (option("key") === undefined)) throw new Error("needs cert and key together");
  const path = decode(rawPath);
  const [primary = "", database = ""] = kind === "sentinel" ? path.slice(1).split("/") : ["", path.slice(1)];
  if (kind === "sentinel" && primary === "") throw new Error("must name the primary: redis-sentinel://host,host/name");
  if (kind === "cluster" && database !== "") throw new Error("must end after the hosts: a cluster has one database");
  if (kind === "socket" ? hosts !== "" || path === "" : hosts === "") {
    throw new Error(kind === "socket" ? "must be unix:///path/of/the/socket" : "must name a host");
  }
  return {
    kind,
    hosts:
      kind === "socket"
        ? []
        : hosts.split(",").map((host) => readHost(host, kind === "sentinel" ? 26_379 : 6_379, quote)),
    path: kind === "socket" ? path : "",
    primary,
    database: kind === "socket" ? 0 : readDatabase(database),
    login: readLogin(userinfo),
    sentinelLogin: login(option("sentinel_username"), option("sentinel_password")),
    tls: tls
      ? Object.fromEntries(tlsOptions.flatMap((name) => (options.has(name) ? [[name, option(name)]] : [])))
      : undefined,
  };
}

/** A place as it may be shown: without logins and options. */
export function showPlace({ kind, hosts, path, primary, tls }: RedisPlace): string {
  if (kind === "socket") return `unix://${path}`;
  const scheme = Object.entries(schemes).find(([, one]) => one.kind === kind && one.tls === (tls !== undefined));
  return `${scheme?.[0] ?? ""}://${hosts.map(showHost).join(",")}${primary === "" ? "" : `/${primary}`}`;
}

/** `host:port`, an IPv6 address in brackets. */
export function showHost({ host, port }: HostPort): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function readHost(text: string, defaultPort: number, quote: (piece: string) => string): HostPort {
  const [, bracketed, name, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? name;
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535) {
    throw new Error(`names ${quote(text)} as a host: it must be host, host:port or [address]:port`);
  }
  return { host: decode(host), port: number };
}

function readDatabase(text: string): number {
  if (text === "") return 0;
  if (!/^\d{1,4}$/.test(text)) throw new Error("must name the database by its number");
  return Number(text);
}

function readLogin(userinfo: string | undefined): Login {
  if (userinfo === undefined) return {};
  const colon = userinfo.indexOf(":");
  return colon < 0
    ? login(decode(userinfo), undefined)
    : login(decode(userinfo.slice(0, colon)), decode(userinfo.slice(colon + 1)));
}

function login(username: string | undefined, password: string | undefined): Login {
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("holds a % that does not begin a percent-encoded character");
  }
}
