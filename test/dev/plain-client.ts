import ssh2, { type ClientChannel, type ConnectConfig } from "ssh2";

/** A plain ssh2 client with an interactive shell: what a test types and sees, without any of our engine. */
export interface PlainShell {
  /** Everything received so far, as it came. */
  readonly seen: string;
  /** Sizes of the pieces in which it came. */
  readonly pieces: readonly number[];
  type(text: string): void;
  /** Waits until what was received since the last call ends as `end` says; returns that part. */
  until(end: string | RegExp): Promise<string>;
  /** Types a line and waits for the end of its answer. */
  ask(line: string, end: string | RegExp): Promise<string>;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  end(): void;
  readonly client: ssh2.Client;
}

/** Logs in; rejects when that fails. */
export async function connect(config: ConnectConfig): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  await new Promise<void>((resolve, reject) => {
    client.on("ready", resolve);
    client.on("error", reject);
    client.on("close", () => reject(new Error("closed")));
    client.connect({ host: "127.0.0.1", readyTimeout: 60_000, ...config });
  });
  client.setNoDelay(true);
  return client;
}

/** Logs in and opens a shell; `rows` is the height of the terminal, 0 for none. */
export async function openShell(config: ConnectConfig, rows = 0): Promise<PlainShell> {
  const client = await connect(config);
  const closed = new Promise<void>((resolve) => client.on("close", () => resolve()));
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.shell({ rows, cols: 80, term: "vt100" }, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  let seen = "";
  let read = 0;
  const pieces: number[] = [];
  let look = (): void => undefined;
  channel.on("data", (data: Buffer) => {
    pieces.push(data.length);
    seen += data.toString("utf8");
    look();
  });
  channel.on("error", () => undefined);
  const matches = (part: string, end: string | RegExp): boolean =>
    typeof end === "string" ? part.endsWith(end) : end.test(part);
  const shell: PlainShell = {
    client,
    get seen() {
      return seen;
    },
    pieces,
    closed,
    type: (text) => channel.write(text),
    until(end) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no ${String(end)} after ${JSON.stringify(seen.slice(read).slice(-300))}`)),
          60_000,
        );
        look = () => {
          if (!matches(seen.slice(read), end)) return;
          clearTimeout(timer);
          look = () => undefined;
          const part = seen.slice(read);
          read = seen.length;
          resolve(part);
        };
        look();
      });
    },
    ask(line, end) {
      channel.write(`${line}\r`);
      return shell.until(end);
    },
    end: () => client.end(),
  };
  return shell;
}

/** Runs one exec request. */
export async function exec(
  client: ssh2.Client,
  command: string,
): Promise<{ stdout: string; stderr: string; status: number | undefined }> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      let stdout = "";
      let stderr = "";
      let status: number | undefined;
      channel.on("data", (data: Buffer) => (stdout += data.toString("utf8")));
      channel.stderr.on("data", (data: Buffer) => (stderr += data.toString("utf8")));
      channel.on("exit", (code: number | null) => (status = code ?? undefined));
      channel.on("close", () => resolve({ stdout, stderr, status }));
    });
  });
}
