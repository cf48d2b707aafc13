import { create, toBinary } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Writable } from "node:stream";
import {
  CommandStatus,
  CredentialService,
  DeviceService,
  HealthService,
  JobResultSchema,
  JobService,
  PolicyService,
  QueueService,
  WorkerService,
} from "@pointsman/sdk/v1";
import { pino } from "pino";
import { createApiKey } from "../../src/api/calls/api-keys.js";
import { type ApiServer, type ApiServerOptions, createApiServer } from "../../src/api/api-server.js";
import type { PlatformCatalogue } from "../../src/api/devices/platform-catalogue.js";
import { builtInPlatforms } from "../../src/device/index.js";
import type { EventFact } from "../../src/domain/job-event.js";
import { createAddressRule } from "../../src/outbound/address-rule.js";
import { createSealer, type Sealer } from "../../src/secrets/sealer.js";
import type { AttemptEnd, Holder, Role, Store } from "../../src/store/store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";
import { claimOne, worker } from "./jobs.js";
import { openTestStore, type TestStore } from "./store.js";

/** A served API on a Redis of its own, and what tests need around it. */
export interface TestApi {
  readonly server: ApiServer;
  readonly store: Store;
  readonly at: TestStore;
  readonly sealer: Sealer;
  readonly port: number;
  readonly baseUrl: string;
  /** Every line the server logged, as text. */
  readonly log: string[];
  /** Makes a key of a role; the server knows it at once unless it has looked for it before. */
  key(role: Role): Promise<string>;
  clients(transport?: Transport): Clients;
  close(): Promise<void>;
}

/** A client for each service. */
export interface Clients {
  readonly jobs: ReturnType<typeof createClient<typeof JobService>>;
  readonly devices: ReturnType<typeof createClient<typeof DeviceService>>;
  readonly credentials: ReturnType<typeof createClient<typeof CredentialService>>;
  readonly workers: ReturnType<typeof createClient<typeof WorkerService>>;
  readonly health: ReturnType<typeof createClient<typeof HealthService>>;
}

/** Lines that begin with "show" read; everything else changes. */
const fromUs = { origin: "built_in", overridesBuiltIn: false, evidence: "real_cli", deniedCommands: ["reload"] };

export const testPlatforms: PlatformCatalogue = {
  has: (name) => name === "cisco_ios" || name === "linux",
  describe: () =>
    Promise.resolve([
      { name: "cisco_ios", description: "Cisco IOS", modes: ["exec", "enable"], channel: "shell", ...fromUs },
      { name: "linux", description: "Linux", modes: ["shell"], channel: "exec", ...fromUs },
    ]),
  isReadOnly: (platform, line) => platform === "cisco_ios" && /^show [a-z ]+$/.test(line),
  configurationProblems: (_, lines) => {
    const index = lines.indexOf("end");
    return index < 0 ? [] : [{ index, problem: "is not configuration" }];
  },
  lineProblem: (_, line) => (line.includes("?") ? "asks for help" : undefined),
  missingConsent: () => undefined,
  confirmationProblem: () => undefined,
  commands: () => builtInPlatforms().get("cisco_ios")?.commands,
  configurationLines: (_, lines) => lines.map((text, index) => ({ text, index })),
  savingLine: () => "write memory",
};

/** The four protocols, as transports of connect-node. */
export function transports(baseUrl: string): Readonly<Record<string, Transport>> {
  return {
    "gRPC over HTTP/2": createGrpcTransport({ baseUrl }),
    "gRPC-Web over HTTP/1.1": createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
    "Connect JSON over HTTP/1.1": createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
    "Connect binary over HTTP/2": createConnectTransport({ baseUrl, httpVersion: "2" }),
  };
}

/** Starts a server. `withKey`: an admin key exists from the start, so that the open mode is never on. */
export async function startTestApi(
  options: Partial<ApiServerOptions> & { readonly withKey?: boolean; readonly host?: string } = {},
): Promise<TestApi> {
  const at = await openTestStore({ realTime: true });
  const { store } = at;
  const log: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(chunk.toString("utf8"));
      done();
    },
  });
  const key = async (role: Role): Promise<string> =>
    (await createApiKey({ apiKeys: store.apiKeys, random: systemRandom }, { name: `${role}-key`, role })).key;
  if (options.withKey) await key("admin");
  const sealer = createSealer({ key: systemRandom.bytes(32), random: systemRandom });
  const { withKey: _withKey, host = "127.0.0.1", ...rest } = options;
  const server = createApiServer({
    store,
    sealer,
    platforms: testPlatforms,
    clock: systemClock,
    calendar: createCalendar(),
    addresses: createAddressRule({ allowAddresses: [], allowHosts: [] }),
    random: systemRandom,
    logger: pino({ level: "trace" }, sink),
    version: "1.2.3",
    forbidInlineEndpoints: false,
    defaultHostKeyPolicy: "strict",
    ...rest,
  });
  const { port } = await server.listen({ host, port: 0 }).catch(async (error: unknown) => {
    await at.close();
    throw error;
  });
  const baseUrl = `http://127.0.0.1:${port}`;
  return {
    ...{ server, store, at, sealer, port, baseUrl, log, key },
    clients(transport = createConnectTransport({ baseUrl, httpVersion: "2" })) {
      return {
        jobs: createClient(JobService, transport),
        policies: createClient(PolicyService, transport),
        queues: createClient(QueueService, transport),
        devices: createClient(DeviceService, transport),
        credentials: createClient(CredentialService, transport),
        workers: createClient(WorkerService, transport),
        health: createClient(HealthService, transport),
      };
    },
    async close() {
      await server.close(1_000);
      await at.close();
    },
  };
}

/** A JobSpec for an inline endpoint that only reads; `last` tells addresses apart. */
export function readSpec(last = 1, commands: readonly string[] = ["show version"]): object {
  return {
    target: {
      case: "endpoint",
      value: {
        address: `10.1.${Math.floor(last / 250)}.${1 + (last % 250)}`,
        platform: "cisco_ios",
        login: { case: "secret", value: { username: "ann", password: "pw" } },
      },
    },
    operation: { case: "commands", value: { commands: commands.map((command) => ({ command })) } },
  };
}

/** Plays the worker through the store: claims what is next, writes what it is told to, and ends it. */
export interface ScriptedWorker {
  readonly holder: Holder;
  /** Prints `text` for a command, counting from 1, in pieces of at most 32 KiB. */
  print(command: number, text: string | Uint8Array): Promise<void>;
  facts(...facts: EventFact[]): Promise<void>;
  end(end: Partial<AttemptEnd>): Promise<void>;
}

let workers = 0;

/** Claims the next job. */
export async function claimNext(store: Store): Promise<ScriptedWorker> {
  const identity = worker(`scripted-${workers++}`);
  await store.leases.register(identity);
  const holder = await claimOne(store, identity);
  if (!holder) throw new Error("nothing to claim");
  let offset = (await store.jobs.get(holder.job))!.outputBytes;
  let number = 0;
  return {
    holder,
    async print(command, text) {
      const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
      for (let start = 0; start < bytes.length; start += 32 * 1024) {
        const output = bytes.subarray(start, start + 32 * 1024);
        const fact = { kind: "output", command, offset, length: output.length } as const;
        await store.leases.append(holder, { number: ++number, facts: [fact], output });
        offset += output.length;
      }
    },
    async facts(...facts) {
      await store.leases.append(holder, { number: ++number, facts, output: new Uint8Array() });
    },
    async end(end) {
      const answer = await store.leases.finish(holder, {
        ...{ verdict: "SUCCEEDED", effect: "COMPLETE", intendedStep: 1, confirmedStep: 1, keepDevice: false },
        ...end,
      });
      if (answer !== "OK") throw new Error(answer);
    },
  };
}

/** A stored result of commands, with the length of each output. */
export function commandsResult(...commands: readonly { command: string; outputBytes: number }[]): Uint8Array {
  const value = { commands: commands.map((one) => ({ ...one, status: CommandStatus.OK })) };
  return toBinary(JobResultSchema, create(JobResultSchema, { result: { case: "commands", value } }));
}
