import type { Transport } from "@connectrpc/connect";
import { type Backoff, createBackoff, type RetryOptions } from "./backoff.js";
import type { Connection } from "./call.js";
import { createCredentials, type Credentials } from "./credentials.js";
import { createDevices, type Devices } from "./devices.js";
import { createHealth, type HealthChecks } from "./health.js";
import { createJobs, type Jobs } from "./jobs.js";
import { linkSignals } from "./link.js";
import { createPolicies, type Policies } from "./policies.js";
import { createQueues, type Queues } from "./queues.js";
import { createSchedules, type Schedules } from "./schedules.js";
import { createRetryingTransport } from "./retry.js";
import { createRuns, type Runs } from "./runs.js";
import { createServers } from "./servers.js";
import { createNodeTransport, type OwnedTransport } from "./transport.js";
import { createWebhooks, type Webhooks } from "./webhooks.js";
import { createWorkers, type Workers } from "./workers.js";

/** How a client is made. */
export interface PointsmanOptions {
  /**
   * Where the service is: one URL, or those of several servers of one installation, as a list or divided by commas. Calls
   * and watches go to them in turn, and go on with another when one is gone. Default: the environment's POINTSMAN_URL,
   * else "http://127.0.0.1:9000".
   */
  readonly baseUrl?: string | readonly string[] | undefined;
  /** API key. Default: the environment's POINTSMAN_API_KEY, else none. */
  readonly apiKey?: string | undefined;
  /** Milliseconds that a call may take with its retries. Default 30,000; 0: no limit. Watches have none. */
  readonly timeoutMs?: number | undefined;
  /** How calls are tried again and watches resumed; false: never. */
  readonly retry?: RetryOptions | false | undefined;
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Used in place of HTTP/2 connections to `baseUrl`, which is then not looked at. Closing the client leaves it open. */
  readonly transport?: Transport | undefined;
}

/**
 * A client of Pointsman. Holds one connection to each server, opened by the first call; close it when done, or `await using` it.
 * Throws a TypeError for a URL or key that cannot be one.
 */
export class Pointsman {
  /** Queues work for devices and follows it to its end. */
  readonly jobs: Jobs;
  /** Does one job on many targets, batch by batch. */
  readonly runs: Runs;
  /** Keeps the inventory. */
  readonly devices: Devices;
  /** Keeps schedules: what fires runs by time. */
  readonly schedules: Schedules;
  /** Shows lines of work, pauses them, and limits how much runs at a time. */
  readonly queues: Queues;
  /** Says when changes may be made. */
  readonly policies: Policies;
  /** Keeps logins for devices. */
  readonly credentials: Credentials;
  /** Tells URLs of what happens. */
  readonly webhooks: Webhooks;
  /** Shows the processes that do the work. */
  readonly workers: Workers;
  /** Says whether the service can do its work. */
  readonly health: HealthChecks;
  readonly #close: () => void;

  constructor(options: PointsmanOptions = {}) {
    const backoff = createBackoff(options.retry);
    const owned = options.transport
      ? { transport: options.transport, close: () => undefined }
      : createOwnTransport(
          checkedUrls(options.baseUrl ?? setting("POINTSMAN_URL") ?? "http://127.0.0.1:9000"),
          backoff,
        );
    const apiKey = options.apiKey ?? setting("POINTSMAN_API_KEY");
    const closed = linkSignals();
    const connection: Connection = {
      transport: createRetryingTransport(owned.transport, backoff),
      backoff,
      timeoutMs: options.timeoutMs ?? 30_000,
      headers: { ...(apiKey ? { "x-api-key": checkedKey(apiKey) } : {}), ...options.headers },
      closed: closed.signal,
    };
    this.jobs = createJobs(connection);
    this.runs = createRuns(connection);
    this.devices = createDevices(connection);
    this.schedules = createSchedules(connection);
    this.queues = createQueues(connection);
    this.policies = createPolicies(connection);
    this.credentials = createCredentials(connection);
    this.webhooks = createWebhooks(connection);
    this.workers = createWorkers(connection);
    this.health = createHealth(connection);
    this.#close = () => {
      closed.abort();
      owned.close();
    };
  }

  /** Ends every open call and watch, and closes the connection. */
  close(): void {
    this.#close();
  }

  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

function setting(name: string): string | undefined {
  return process.env[name] || undefined;
}

function createOwnTransport(
  [first, ...more]: readonly [string, ...string[]],
  { maxAttempts }: Backoff,
): OwnedTransport {
  if (more.length === 0) return createNodeTransport(first);
  return createServers([first, ...more].map(createNodeTransport), maxAttempts > 1);
}

function checkedUrls(urls: string | readonly string[]): readonly [string, ...string[]] {
  const named = (typeof urls === "string" ? urls.split(",") : urls).map((url) => url.trim());
  const [first, ...more] = new Set(named.map(checkedUrl));
  if (first === undefined) throw new TypeError("baseUrl names no server");
  return [first, ...more];
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new TypeError(`"${text}" is not the URL of a Pointsman server, such as "http://127.0.0.1:9000"`);
  }
  return url.href.replace(/\/+$/, "");
}

function checkedKey(key: string): string {
  // What a header cannot hold would otherwise fail deep inside, with the key in the error.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new TypeError("the API key holds characters that no key has");
  return key;
}
