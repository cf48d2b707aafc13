import { create } from "@bufbuild/protobuf";
import { ResolutionKind, ResolveJobRequestSchema } from "@pointsman/sdk/v1";
import { prepareJob } from "../../src/api/jobs/job-create.js";
import type { JobCreation } from "../../src/api/jobs/job-wish.js";
import { readSurroundings } from "../../src/api/jobs/job-surroundings.js";
import { resolveJob } from "../../src/api/jobs/job-resolve.js";
import type { Random } from "../../src/domain/clock.js";
import { StoreError } from "../../src/store/store.js";
import type { ModelJob } from "../store/model/zone.js";
import type { ServerHost, Surroundings } from "./hosts.js";
import { type Wish, wishOf } from "./work.js";

/** A call that was not answered; whether it was carried out is unknown. */
class NoAnswer extends Error {}

const callTimeoutMs = 8_000;

/** What the clients of a simulated world know, to be judged by. */
export interface ClientsRecord {
  /** The wishes that a server said it had accepted, with the ids it gave. */
  readonly accepted: Map<number, Set<string>>;
  /** For each wish how often a person may have ordered it to be done again. */
  readonly reruns: Map<number, number>;
  /** What a server must never have said. */
  readonly complaints: string[];
}

interface Parts extends Surroundings {
  readonly servers: readonly ServerHost[];
  readonly random: Random;
  /** How often an answer gets lost between server and client. */
  readonly lost: () => number;
  /** Whether the device saw all lines of the job, or none, or some. */
  readonly truth: (job: ModelJob) => "ALL" | "NONE" | "SOME";
}

/** Callers that go on until they are answered, a person who looks at devices, and people who change their minds. */
export function createClients({ timeline, servers, random, lost, redis, truth, trace }: Parts) {
  const record: ClientsRecord = { accepted: new Map(), reruns: new Map(), complaints: [] };
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => timeline.plan(ms, resolve));
  const networkMs = (): number => 0.5 + random.number() * 2;

  /** Calls any server; rejects with what it says, or with NoAnswer. */
  function call<T>(run: (api: JobCreation) => Promise<T>): Promise<T> {
    const server = servers[Math.floor(random.number() * servers.length)]!;
    const isLost = random.number() < lost();
    return new Promise((resolve, reject) => {
      timeline.plan(callTimeoutMs, () => reject(new NoAnswer()));
      timeline.plan(networkMs(), () => {
        const { process } = server;
        if (!process) return reject(new NoAnswer());
        process.onKill(() => timeline.plan(networkMs(), () => reject(new NoAnswer())));
        const answer = (settle: () => void): void => {
          if (!isLost && process.alive) timeline.plan(networkMs(), settle);
        };
        process.deliver(0, () => {
          run(server.api()).then(
            (value) => answer(() => resolve(value)),
            (error: unknown) => answer(() => reject(error)),
          );
        });
      });
    });
  }

  const mayTryAgain = (error: unknown): boolean =>
    error instanceof NoAnswer ||
    (error instanceof StoreError && ["STORE_UNAVAILABLE", "STORE_RECONCILING"].includes(error.reason));

  /** Calls until there is an answer. Gives undefined when the answer is a refusal. */
  async function insist<T>(what: string, run: (api: JobCreation) => Promise<T>): Promise<T | undefined> {
    for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 2, 2_000)) {
      try {
        return await call(run);
      } catch (error) {
        if (!mayTryAgain(error)) {
          trace(`refused: ${what}: ${String(error)}`);
          return undefined;
        }
        await sleep(pauseMs * (0.5 + random.number()));
      }
    }
  }

  async function createJob(api: JobCreation, { spec, requestId }: Wish): Promise<string> {
    const around = await readSurroundings(api.store, [spec]);
    const wish = { spec, field: "job", creator: "ann", scope: "ann/CreateJob", requestId };
    return (await api.store.jobs.create(prepareJob(api, around, wish))).job.id;
  }

  async function submit(wish: Wish): Promise<string | undefined> {
    const id = await insist(`create ${wish.number}`, (api) => createJob(api, wish));
    if (id === undefined) {
      record.complaints.push(`job-${wish.number} was refused`);
      return undefined;
    }
    const ids = record.accepted.get(wish.number) ?? new Set();
    record.accepted.set(wish.number, ids.add(id));
    return id;
  }

  async function cancel(id: string, interruptRunning: boolean): Promise<void> {
    await insist(`cancel ${id}`, ({ store }) =>
      store.jobs.cancel(id, { interruptRunning, caller: "ann", reason: "changed her mind" }),
    );
  }

  /** Looks at what is in doubt, as a person would, and says what happened, or that it be done again. */
  async function settle(job: ModelJob): Promise<void> {
    const seen = truth(job);
    const again = seen !== "ALL" && random.number() < 0.3;
    const wish = wishOf(job);
    if (again) record.reruns.set(wish, (record.reruns.get(wish) ?? 0) + 1);
    const kind = again ? ResolutionKind.RERUN : seen === "NONE" ? ResolutionKind.NOT_APPLIED : ResolutionKind.APPLIED;
    const request = create(ResolveJobRequestSchema, { id: job.id, kind, reason: "looked" });
    await insist(`resolve ${job.id}`, (api) => resolveJob(api, request, { name: "bob", role: "admin" }));
  }

  return {
    record,
    /** A client that submits a wish when its time has come, sometimes twice, and sometimes takes it back. */
    async follow(wish: Wish): Promise<void> {
      await sleep(wish.atMs);
      const id = await submit(wish);
      if (id === undefined) return;
      if (random.number() < 0.15) await submit(wish);
      if (random.number() < 0.1) {
        await sleep(random.number() * 3_000);
        await cancel(id, random.number() < 0.7);
      }
    },
    /** Everybody takes everything back. */
    storm(): void {
      for (const job of redis.store.zone.jobs.values()) void cancel(job.id, random.number() < 0.7);
    },
    /** Clients that look, again and again, whether what was accepted is still there, and repeat what is not. */
    async lookAfter(wishes: readonly Wish[]): Promise<void> {
      for (;;) {
        await sleep(5_000);
        const gone = wishes.filter(({ number }) => {
          const ids = [...(record.accepted.get(number) ?? [])];
          return ids.length > 0 && !ids.some((id) => redis.store.zone.jobs.has(id));
        });
        for (const wish of gone) await submit(wish);
      }
    },
    /** The person who looks at devices, for ever. */
    async watchOver(): Promise<void> {
      const busy = new Set<string>();
      for (;;) {
        await sleep(1_000 + random.number() * 3_000);
        for (const job of redis.store.zone.jobs.values()) {
          if (job.state !== "INDETERMINATE" || job.resolution || busy.has(job.id)) continue;
          busy.add(job.id);
          void settle(job).then(() => busy.delete(job.id));
        }
      }
    },
  };
}
