import { noTools } from "../support/no-tools.js";
import { create } from "@bufbuild/protobuf";
import { LoginSchema } from "@pointsman/sdk/v1";
import { pino } from "pino";
import { builtInPlatforms } from "../../src/device/index.js";
import type { Channel } from "../../src/device/transport.js";
import { credentialPlace, encodeLogin } from "../../src/secrets/login-codec.js";
import { createSealer } from "../../src/secrets/sealer.js";
import type {
  AttemptEnd,
  BeatFigures,
  Claim,
  LeaseStore,
  SessionNews,
  Store,
  WorkerIdentity,
} from "../../src/store/store.js";
import { systemRandom } from "../../src/system/random.js";
import { createWorker, type Worker, type WorkerOptions } from "../../src/worker/worker.js";
import { createHandClock, type HandClock } from "../support/hand-clock.js";

const sealer = createSealer({ key: systemRandom.bytes(32), random: systemRandom });

type Beat = Awaited<ReturnType<LeaseStore["beat"]>>;
type Claimed = Awaited<ReturnType<LeaseStore["claim"]>>;

/** Nothing to take. */
export const nothing: Claimed = { answer: "OK", claims: [] };

/** What a store answers; each is replaced by the test that needs another answer. */
export interface Answers {
  register: (worker: WorkerIdentity) => ReturnType<LeaseStore["register"]>;
  beat: (worker: WorkerIdentity, figures: BeatFigures) => Promise<Beat>;
  claim: (worker: WorkerIdentity, limit: number) => Promise<Claimed>;
  finish: (end: AttemptEnd) => Promise<"OK">;
  retire: () => Promise<void>;
  /** Opens the channel of a line that was sent. */
  exec: () => Promise<Channel>;
}

export interface WorkerAlone {
  readonly worker: Worker;
  readonly clock: HandClock;
  readonly answers: Answers;
  /** The lines that reached the device. Their answers never come, unless `answers.exec` gives them. */
  readonly sent: string[];
  /** The ends that the store heard. */
  readonly ends: AttemptEnd[];
  /** Zone and name of every registration that ended. */
  readonly retired: string[];
  /** What the store heard of sessions. */
  readonly told: SessionNews[];
  /** Sessions that are open. */
  readonly sessions: () => number;
  /** The device lets the worker in. */
  readonly letIn: () => void;
}

/** Gives `claims` to the first call for this zone, and nothing to any other. */
export function once(zone: string, claims: readonly Claim[]): Answers["claim"] {
  let given = false;
  return (worker) => {
    if (worker.zone !== zone || given) return Promise.resolve(nothing);
    given = true;
    return Promise.resolve({ answer: "OK", claims });
  };
}

/** A worker whose store and whose devices are played by the test. Devices let nobody in until they are told to. */
export function workerAlone(zones: readonly string[], options: Partial<WorkerOptions> = {}): WorkerAlone {
  const clock = createHandClock();
  const sent: string[] = [];
  const ends: AttemptEnd[] = [];
  const retired: string[] = [];
  const told: SessionNews[] = [];
  let open = 0;
  const answers: Answers = {
    register: () => Promise.resolve({ toTell: { history: "one", sinceMs: 0 } }),
    beat: () => Promise.resolve({ answer: "OK", cancels: [] }),
    claim: () => Promise.resolve(nothing),
    finish: () => Promise.resolve("OK"),
    retire: () => Promise.resolve(),
    exec: () => new Promise(() => undefined),
  };
  const login = encodeLogin(create(LoginSchema, { username: "u", password: "p" }));
  const device = { name: "r1", address: "10.0.0.1", port: 22, platform: "linux", credential: "lab" };
  const ok = (): Promise<"OK"> => Promise.resolve("OK");
  const store = {
    ensureZone: () => Promise.resolve(0),
    policies: { commandRules: () => Promise.resolve([]) },
    devices: {
      get: () => Promise.resolve({ ...device, zone: zones[0], endpoint: "10.0.0.1:22", labels: {} }),
      hostKeys: () => Promise.resolve([]),
    },
    credentials: {
      get: () =>
        Promise.resolve({ name: "lab", version: 1, createMs: 1, sealed: sealer.seal(login, credentialPlace("lab")) }),
    },
    contacts: { begin: () => Promise.resolve({ counted: false }), end: () => Promise.resolve() },
    leases: {
      ...{ intent: () => Promise.resolve({ answer: "OK", requests: [] }), append: ok },
      ...{ replay: () => Promise.resolve(0), settle: () => Promise.resolve([]), replayed: () => Promise.resolve() },
      noted: () => Promise.resolve(),
      register: (worker: WorkerIdentity) => answers.register(worker),
      beat: (worker: WorkerIdentity, figures: BeatFigures) => answers.beat(worker, figures),
      claim: (worker: WorkerIdentity, limit: number) => answers.claim(worker, limit),
      finish: (_holder: unknown, end: AttemptEnd) => {
        ends.push(end);
        return answers.finish(end);
      },
      release: () => Promise.resolve(),
      tellSessions: (_worker: WorkerIdentity, news: SessionNews) => {
        told.push(news);
        return Promise.resolve();
      },
      retire: ({ zone, name }: WorkerIdentity) => {
        retired.push(`${zone}/${name}`);
        return answers.retire();
      },
      onHint: () => Promise.resolve(() => Promise.resolve()),
    },
  };
  const transport = {
    hostKey: { type: "t", line: "t k", fingerprint: "f" },
    ...{ hostKeyIsNew: false, remoteVersion: "", connectMs: 0, authMs: 0, closed: false },
    onClose: () => undefined,
    close: () => {
      open--;
      return Promise.resolve();
    },
    exec: (command: string) => {
      sent.push(command);
      return answers.exec();
    },
  };
  let letIn: () => void = () => undefined;
  const door = new Promise<void>((resolve) => (letIn = resolve));
  const connect = async (_endpoint: unknown, { signal }: { signal?: AbortSignal }): Promise<unknown> => {
    await new Promise<void>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      void door.then(resolve);
    });
    open++;
    return transport;
  };
  const worker = createWorker({
    ...{
      clock,
      sealer,
      zones,
      random: systemRandom,
      logger: pino({ level: "silent" }),
      hostname: "h",
      node: "h",
      tools: noTools,
      pid: 1,
      version: "0",
    },
    ...{
      platforms: builtInPlatforms(),
      capacity: 10,
      labels: {},
      loopDelayMs: () => 0,
      defaultHostKeyPolicy: "accept-new",
      drainMs: 0,
    },
    store: store as unknown as Store,
    journals: {
      open: () => Promise.resolve({ write: () => Promise.resolve(), close: () => Promise.resolve() }),
      read: () => Promise.resolve({ entries: [], gone: [] }),
    },
    connect: connect as unknown as NonNullable<WorkerOptions["connect"]>,
    ...options,
  });
  return { worker, clock, answers, sent, ends, retired, told, sessions: () => open, letIn: () => letIn() };
}
