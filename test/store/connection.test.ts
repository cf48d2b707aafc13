import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, connect as connectSocket, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import { openRedis } from "../../src/store/open-redis.js";
import { parseRedisUrl, showPlace } from "../../src/store/redis-place.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { asStoreError } from "../../src/store/connection-errors.js";
import type { Store } from "../../src/store/store.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { startCluster, startSecured, startSocket, type Topology } from "../support/redis-topologies.js";

function open(address: string): Promise<Store> {
  return createRedisStore({
    address,
    calendar: createCalendar(),
    now: () => Date.now(),
    monotonic: () => performance.now(),
  });
}

describe("the URL of Redis", () => {
  test.each([
    ["/run/redis.sock", { kind: "socket", path: "/run/redis.sock", hosts: [], tls: undefined }],
    [
      "unix://ann:pw@/run/a%20b.sock",
      { kind: "socket", path: "/run/a b.sock", login: { username: "ann", password: "pw" } },
    ],
    ["redis://10.0.0.1", { kind: "single", hosts: [{ host: "10.0.0.1", port: 6379 }], database: 0, login: {} }],
    [
      "redis://:p%40ss%2Fw@[::1]:7000/3",
      { hosts: [{ host: "::1", port: 7000 }], database: 3, login: { password: "p@ss/w" } },
    ],
    [
      "rediss://h:1?ca=/ca.pem&cert=/c.pem&key=/k.pem&servername=db",
      { kind: "single", tls: { ca: "/ca.pem", cert: "/c.pem", key: "/k.pem", servername: "db" } },
    ],
    ["rediss://h:1?ca=/a@b.pem", { hosts: [{ host: "h", port: 1 }], tls: { ca: "/a@b.pem" } }],
    [
      "redis-sentinel://ann:pw@s1,s2:27000/main/2?sentinel_password=x",
      {
        ...{ kind: "sentinel", primary: "main", database: 2, login: { username: "ann", password: "pw" } },
        ...{
          hosts: [
            { host: "s1", port: 26379 },
            { host: "s2", port: 27000 },
          ],
          sentinelLogin: { password: "x" },
        },
      },
    ],
    [
      "rediss-cluster://n1,n2:7001",
      {
        kind: "cluster",
        tls: {},
        hosts: [
          { host: "n1", port: 6379 },
          { host: "n2", port: 7001 },
        ],
      },
    ],
  ])("%s is read", (url, place) => {
    expect(parseRedisUrl(url)).toMatchObject(place);
  });

  test.each([
    ["http://ann:hidden@h", "must be the path"],
    ["redis://ann:hidden@", "must name a host"],
    ["redis://ann:hidden@h:99999", "host"],
    ["redis://ann:hidden@h/abc", "database by its number"],
    ["redis://ann:hidden@h?ca=/x", '"ca"'],
    ["rediss://ann:hidden@h?cert=/x", "cert and key together"],
    ["rediss://ann:hidden@h?password=hidden", '"password"'],
    ["redis-sentinel://ann:hidden@h", "must name the primary"],
    ["redis-cluster://ann:hidden@h/1", "one database"],
    ["redis://ann:%zzhidden@h", "percent-encoded"],
    ["redis://ann:hidden/hidden@h", "percent-encoded"],
    ["redis://ann:hidden?hidden@h", "percent-encoded"],
    ["rediss://ann:x?hidden&hidden@h", "percent-encoded"],
    ["unix://", "unix:///path"],
  ])("%s is refused, and the line holds no secret", (url, why) => {
    expect(() => parseRedisUrl(url)).toThrow(why);
    expect(() => parseRedisUrl(url)).not.toThrow("hidden");
  });

  test("what is shown of it holds no login", () => {
    const shown = showPlace(
      parseRedisUrl("rediss-sentinel://ann:hidden@s1,[::1]:7/main?sentinel_password=hidden&ca=/x"),
    );
    expect(shown).toBe("rediss-sentinel://s1:26379,[::1]:7/main");
  });
});

describe("a Redis that cannot be used is refused at start, in one line that says why", () => {
  let secured: Topology & { readonly password: string };
  let cluster: Topology;
  beforeAll(async () => {
    [secured, cluster] = await Promise.all([startSecured(), startCluster(1)]);
  });
  afterAll(() => Promise.all([secured.close(), cluster.close()]));

  const refusal = (url: string): Promise<Error & { reason?: string }> =>
    open(url).then(
      () => {
        throw new Error(`${url} was accepted`);
      },
      (error: unknown) => error as Error,
    );

  test("nobody there, in each way of running it", async () => {
    const port = await freePort();
    for (const url of [
      `redis://127.0.0.1:${port}`,
      `redis-sentinel://127.0.0.1:${port}/main`,
      `redis-cluster://127.0.0.1:${port}`,
    ]) {
      expect(await refusal(url)).toMatchObject({
        reason: "STORE_UNAVAILABLE",
        message: expect.stringMatching(
          new RegExp(`^cannot use Redis at .*:${port}.*(ECONNREFUSED|All sentinels are unreachable)`),
        ),
      });
    }
    expect((await refusal("/nowhere/redis.sock")).message).toMatch(/unix:\/\/\/nowhere\/redis.sock.*ENOENT/);
  });

  test("a database that it does not have: another one is not used in its place", async () => {
    const { message } = await refusal(secured.url.replace("?", "/99?"));
    expect(message).toMatch(/^cannot use Redis at .*DB index is out of range/);
  });

  test("a wrong password, and the password is not shown", async () => {
    const wrong = secured.url.replace(encodeURIComponent(secured.password), "hidden");
    const { message } = await refusal(wrong);
    expect(message).toContain("WRONGPASS");
    expect(message).not.toContain("hidden");
  });

  test("a certificate of an unknown authority, and a file that is not there", async () => {
    expect((await refusal(secured.url.replace(/ca=[^&]*&?/, ""))).message).toMatch(
      /self-signed certificate|unable to verify/,
    );
    expect((await refusal(secured.url.replace(/ca=[^&]*/, "ca=/nowhere"))).message).toMatch(/cannot read ca: ENOENT/);
    expect((await refusal(secured.url.replace("127.0.0.1", "[::ffff:127.0.0.1]"))).message).toMatch(
      /altnames|ECONNREFUSED/,
    );
  });

  test("a process that runs in another way than the URL says", async () => {
    const { port } = cluster.nodes[0]!;
    expect((await refusal(`redis://127.0.0.1:${port}`)).message).toContain("reached by redis-cluster://");
    expect((await refusal(secured.url.replace("rediss:", "rediss-cluster:"))).message).toContain(
      "cluster support disabled",
    );
  });
});

describe("errors of a connection", () => {
  test.each([
    "Connection is closed.",
    "Command timed out",
    "Command aborted due to connection close",
    "Stream isn't writeable and enableOfflineQueue options is false",
    "Socket timeout. Expecting data, but didn't receive any in 6000ms.",
    "Reached the max retries per request limit (which is 0). Refer to ...",
    "All sentinels are unreachable and retry is disabled.",
    "connect ECONNREFUSED 127.0.0.1:1",
    "read ECONNRESET",
    "write EPIPE",
    "getaddrinfo ENOTFOUND redis.example",
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica. script: 1, on @user_script:1.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "MOVED 1 127.0.0.1:1",
    "ASK 1 127.0.0.1:1",
    "MISCONF Redis is configured to save RDB snapshots",
    "NOREPLICAS Not enough good replicas to write.",
    "BUSY Redis is busy running a script.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "NOSCRIPT No matching script. Please use EVAL.",
    "NOAUTH Authentication required.",
    "NOPERM this user has no permissions to run the 'x' command",
    "ERR Script attempted to access a non local key in a cluster node script: 1",
  ])("%s is STORE_UNAVAILABLE", (message) => {
    expect(asStoreError(new Error(message))).toMatchObject({ reason: "STORE_UNAVAILABLE" });
  });

  test("no memory for new work is STORE_FULL", () => {
    const refused = new Error("OOM command not allowed when used memory > 'maxmemory'.");
    expect(asStoreError(refused)).toMatchObject({ reason: "STORE_FULL" });
  });

  test("what is a fault of ours stays what it is", () => {
    for (const message of [
      "ERR wrong number of arguments",
      "WRONGTYPE Operation against a key",
      "x is not a function",
    ]) {
      const error = new Error(message);
      expect(asStoreError(error)).toBe(error);
    }
  });
});

describe("a connection that fails in the middle", () => {
  let topology: Topology;
  beforeAll(async () => {
    topology = await startSocket();
  });
  afterAll(() => topology.close());

  test("a create whose answer was lost is not sent again by itself, and is replayed under its request id", async () => {
    const path = topology.url.slice("unix://".length);
    const job = newJob(Date.now(), { idempotency: { scope: "ann", requestId: "r", fingerprint: "f" } });
    let cut = 0;
    // Passes everything on, and cuts the connection in the place of the first answer to what names the job.
    const proxy = createServer((client: Socket) => {
      let doomed = false;
      const server = connectSocket(path);
      client.on("error", () => undefined).on("close", () => server.destroy());
      server.on("error", () => undefined).on("close", () => client.destroy());
      client.on("data", (bytes) => {
        doomed ||= cut === 0 && bytes.includes(job.id);
        server.write(bytes);
      });
      server.on("data", (bytes) => {
        if (!doomed) return void client.write(bytes);
        cut++;
        client.destroy();
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const store = await open(`redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    try {
      await expect(store.jobs.create(job)).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
      expect(cut).toBe(1);
      const again = await eventually(() => store.jobs.create({ ...job, id: newJob(Date.now()).id }));
      expect(again).toMatchObject({ replayed: true, job: { id: job.id } });
      expect(await topology.nodes[0]?.redis.zcard("{pm:default}:ix:state:QUEUED")).toBe(1);
    } finally {
      await store.close();
      proxy.close();
    }
  });

  test("a Redis that is silent fails its calls in time, and hints and calls flow again when it speaks", async () => {
    const store = await open(topology.url);
    const { pid } = topology.nodes[0]!;
    try {
      const w1 = worker("w1");
      await store.leases.register(w1);
      let hints = 0;
      await store.leases.onHint(w1, () => hints++);
      process.kill(pid, "SIGSTOP");
      try {
        await expect(store.jobs.create(newJob(Date.now()))).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
      } finally {
        process.kill(pid, "SIGCONT");
      }
      await eventually(() => store.ping());
      hints = 0;
      let device = 0;
      await eventually(async () => {
        while (await claimOne(store, w1));
        await store.jobs.create(newJob(Date.now(), { endpoint: `10.0.1.${device++}:22` }));
        expect(hints).toBeGreaterThan(0);
      });
    } finally {
      await store.close();
    }
  });
});

test("a Redis that loads its data is used as soon as it has, however long it had said that it would take", async () => {
  const dir = await mkdtemp(join(tmpdir(), "pm-loading-"));
  const start = (...more: string[]): Promise<PrivateRedis> =>
    startPrivateRedis({ dir, appendOnly: false, extraArgs: ["--save", "3600 1", ...more] });
  let redis = await start();
  const links = await openRedis(redis.socketPath);
  const look = new Redis({ path: redis.socketPath, enableReadyCheck: false, retryStrategy: () => 20 });
  look.on("error", () => undefined);
  try {
    await look.eval("for i = 1, 5000 do redis.call('SET', i, i) end", 0);
    await redis.stop();
    const slowly = start("--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024");
    await eventually(async () => {
      expect(await look.info("persistence")).toMatch(/loading:1[^]*loading_eta_seconds:\d\d/);
      expect((links.state as Redis).status).toBe("connect");
    }, 60_000);
    // What it asked is answered before this.
    await look.info("persistence");
    await look.config("SET", "key-load-delay", "0");
    redis = await slowly;
    await eventually(() => links.ping(""), 5_000);
  } finally {
    look.disconnect();
    await links.close();
    await redis.stop();
    await rm(dir, { recursive: true, force: true });
  }
});

describe("a store that is closed while its Redis is gone", () => {
  test.each([
    ["one process", () => startSocket()],
    ["a cluster", () => startCluster(1)],
  ])("keeps no process alive: %s", async (_, start) => {
    const topology = await start();
    try {
      const program = `
        const { createRedisStore } = await import("./dist/store/redis-store.js");
        const store = await createRedisStore({ address: process.argv[1], calendar: undefined, now: () => 0, monotonic: () => 0 });
        store.watches.onFeed(() => undefined);
        process.stdout.write("open\\n");
        for await (const _ of process.stdin);
        await store.close();
      `;
      const child = spawn(process.execPath, ["--input-type=module", "-e", program, topology.url], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
      try {
        await new Promise((resolve) => child.stdout.once("data", resolve));
        await topology.nodes[0]?.kill();
        child.stdin.end();
        expect(await ended).toBe(0);
      } finally {
        child.kill("SIGKILL");
      }
    } finally {
      await topology.close();
    }
  });
});
