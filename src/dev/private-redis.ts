import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** What {@link startPrivateRedis} needs to know. */
export interface PrivateRedisOptions {
  /** Data folder; made with mode 0700 when it is missing. Holds the append-only files, the log and the socket. */
  readonly dir: string;
  /** Write every change to disk before it is acknowledged (`appendfsync always`). Default true. */
  readonly appendOnly?: boolean;
  /** Bytes or a size such as `1gb`. Default `1gb`. */
  readonly maxMemory?: string;
  /** Server binary. Default: the first of `redis-server` and `valkey-server` in PATH. */
  readonly binary?: string;
  /** More command line arguments for the server, for instance `["--hz", "100"]`. They win over ours. */
  readonly extraArgs?: readonly string[];
}

/** A Redis that belongs to this process alone and ends with it. */
export interface PrivateRedis {
  /** Unix socket to connect to. */
  readonly socketPath: string;
  /** Process id of the server itself. */
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason; true when {@link PrivateRedis.stop} had asked for it. */
  readonly ended: Promise<boolean>;
  /** Ends the server in good order (it writes what it holds first). May be called twice. */
  stop(): Promise<void>;
}

/** `sun_path` has room for 108 bytes on Linux and 104 on macOS, the closing NUL included. */
const MAX_SOCKET_PATH = process.platform === "darwin" ? 103 : 107;
const START_TIMEOUT_MS = 60_000;

/**
 * The server runs under a shell that ends it as soon as our end of the pipe is gone. The kernel closes the pipe however
 * this process dies, so not even `kill -9` leaves a server behind, which an exit handler could not promise.
 */
const GUARD = `exec 3<&0
"$@" </dev/null 3<&- &
server=$!
( read -r _ <&3; kill -TERM "$server" 2>/dev/null ) &
guard=$!
wait "$server"
status=$?
kill "$guard" 2>/dev/null
exit "$status"`;

/**
 * Starts a private `redis-server` (or `valkey-server`) that listens on a unix socket only, and resolves when it answers.
 *
 * Throws an error of one line when no server binary is found, when another server already uses `dir`, when the path of
 * the socket would be too long for the system, or when the server does not come up (with the end of its log).
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const binary = options.binary ?? findServerBinary(process.env["PATH"] ?? "");
  const dir = resolve(options.dir);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const socket = await chooseSocket(dir);
  if (await answers(socket.path))
    throw new Error(`A Redis is already running in ${dir}: stop it, or use another folder`);

  const log = join(dir, "redis.log");
  const logFile = openSync(log, "a", 0o600);
  // Detached, so that Ctrl-C in a terminal reaches us alone: we end the server after our own last write.
  const guard = spawn("/bin/sh", ["-c", GUARD, "sh", binary, ...serverArguments(dir, socket.path, options)], {
    stdio: ["pipe", logFile, logFile],
    detached: true,
  });
  closeSync(logFile);
  guard.stdin?.on("error", () => undefined);
  let stopping = false;
  const exited = new Promise<void>((done) => {
    guard.once("error", () => done());
    guard.once("exit", () => done());
  });
  const ended = exited.then(async () => {
    if (socket.temporary) await rm(socket.temporary, { recursive: true, force: true });
    return stopping;
  });
  const stop = async (): Promise<void> => {
    stopping = true;
    guard.stdin?.end();
    await ended;
  };
  try {
    const pid = await waitUntilReady(guard, socket.path, log);
    return { socketPath: socket.path, pid, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The first `redis-server` or `valkey-server` in `path` (a PATH). Throws one line that says what to install. */
export function findServerBinary(path: string): string {
  for (const name of ["redis-server", "valkey-server"]) {
    for (const folder of path.split(delimiter)) {
      if (folder === "") continue;
      const candidate = join(folder, name);
      try {
        accessSync(candidate, constants.X_OK);
        return candidate;
      } catch {
        continue;
      }
    }
  }
  throw new Error(
    "No redis-server or valkey-server (7.0 or newer) found in PATH: install one, for instance `apt-get install redis-server`, `dnf install valkey` or `brew install redis`",
  );
}

function serverArguments(dir: string, socketPath: string, options: PrivateRedisOptions): string[] {
  const appendOnly = options.appendOnly ?? true;
  return [
    ...["--port", "0", "--unixsocket", socketPath, "--unixsocketperm", "700"],
    ...["--dir", dir, "--daemonize", "no", "--save", ""],
    ...["--appendonly", appendOnly ? "yes" : "no", "--appendfsync", appendOnly ? "always" : "no"],
    ...["--maxmemory", options.maxMemory ?? "1gb", "--maxmemory-policy", "noeviction"],
    ...(options.extraArgs ?? []),
  ];
}

async function chooseSocket(dir: string): Promise<{ path: string; temporary?: string }> {
  const wanted = join(dir, "redis.sock");
  if (Buffer.byteLength(wanted) <= MAX_SOCKET_PATH) return { path: wanted };
  const temporary = await mkdtemp(join(tmpdir(), "pm-"));
  const path = join(temporary, "redis.sock");
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return { path, temporary };
  await rm(temporary, { recursive: true, force: true });
  throw new Error(
    `No room for a unix socket: both ${wanted} and the temporary folder ${tmpdir()} are longer than ${MAX_SOCKET_PATH} bytes; use a shorter folder`,
  );
}

async function waitUntilReady(guard: ChildProcess, socketPath: string, log: string): Promise<number> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const info = await ask(socketPath, "INFO server");
    const pid = info ? /process_id:(\d+)/.exec(info)?.[1] : undefined;
    if (pid !== undefined && (await answers(socketPath))) return Number(pid);
    if (guard.exitCode !== null || guard.signalCode !== null) {
      throw new Error(`The private Redis ended while starting: ${await lastLine(log)}`);
    }
    if (performance.now() > deadline) {
      throw new Error(`The private Redis did not answer within ${START_TIMEOUT_MS / 1000} s: ${await lastLine(log)}`);
    }
    await pause(10);
  }
}

async function answers(socketPath: string): Promise<boolean> {
  return (await ask(socketPath, "PING"))?.startsWith("+PONG") ?? false;
}

/** One inline command on a connection of its own; undefined when nobody listens, or it is not answered in a second. */
function ask(socketPath: string, command: string): Promise<string | undefined> {
  if (!existsSync(socketPath)) return Promise.resolve(undefined);
  return new Promise((done) => {
    const socket = createConnection(socketPath);
    const finish = (reply: string | undefined): void => {
      socket.destroy();
      done(reply);
    };
    socket.setTimeout(1_000, () => finish(undefined));
    socket.once("error", () => finish(undefined));
    socket.once("connect", () => socket.write(`${command}\r\n`));
    socket.once("data", (reply) => finish(reply.toString("latin1")));
  });
}

async function lastLine(log: string): Promise<string> {
  const text = await readFile(log, "utf8").catch(() => "");
  return text.trimEnd().split("\n").at(-1) || "it left no message";
}
