import type { Redis } from "ioredis";
import type { RedisLinks } from "./connection.js";
import { asStoreError } from "./connection-errors.js";
import { notReplicated } from "./gate-errors.js";
import type { JobStore } from "./job-store.js";
import type { KeySpace } from "./keys.js";
import { createScripts, list, type Scripts, text } from "./scripts.js";
import { StoreError } from "./store-error.js";

/** How many replicas are waited for, and how long. */
export interface Replication {
  readonly replicas: number;
  readonly withinMs: number;
}

/** Something that replicas are to know of. */
export type Fact =
  | { readonly kind: "job" | "run"; readonly id: string }
  | { readonly kind: "intent"; readonly id: string; readonly fence: string };

/** Makes sure that what was written is known to replicas. */
export interface Copies {
  /** Resolves when enough replicas have the fact, which stands under `root`; NOT_REPLICATED when not in time. */
  confirm(root: string, fact: Fact): Promise<void>;
  /** Jobs that are accepted only once replicas know of them, where that was asked for. */
  guardJobs(jobs: JobStore): JobStore;
  stop(): void;
}

interface Waiting {
  readonly fact: Fact;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What is to be confirmed under one root, and the connection to the process that holds it. */
interface Place {
  waiting: Waiting[];
  busy: boolean;
  link: Promise<{ readonly redis: Redis; readonly scripts: Scripts }> | undefined;
}

/**
 * WAIT keeps a connection from everything else, so it has connections of its own, one to each root; who comes while one
 * is under way goes with the next, however many they are.
 */
export function createCopies(
  links: Pick<RedisLinks, "dial">,
  keys: KeySpace,
  { replicas, withinMs }: Replication,
): Copies {
  const places = new Map<string, Place>();
  let stopped = false;

  async function open(root: string, place: Place) {
    const redis = await links.dial(root);
    // One that ends while nobody waits is not found out by the next who comes.
    redis.once("end", () => (place.link = undefined));
    return { redis, scripts: createScripts(redis) };
  }

  function letGo(place: Place): void {
    void place.link?.then(
      ({ redis }) => redis.disconnect(),
      () => undefined,
    );
    place.link = undefined;
  }

  async function ask(root: string, place: Place, facts: readonly Fact[]): Promise<readonly (StoreError | undefined)[]> {
    place.link ??= open(root, place);
    const { redis, scripts } = await place.link;
    const [reply, copies] = await Promise.all([
      scripts.run("copied", root, ...facts.flatMap(argumentsOf)),
      redis.wait(replicas, withinMs),
    ]);
    const few =
      copies < replicas ? notReplicated(`${copies} of ${replicas} acknowledged within ${withinMs} ms`) : undefined;
    return list(reply).map((here) => (text(here) === "1" ? few : notReplicated("Redis came back without it")));
  }

  async function round(root: string, place: Place): Promise<void> {
    place.busy = true;
    const together = place.waiting;
    place.waiting = [];
    try {
      const answers = await ask(
        root,
        place,
        together.map(({ fact }) => fact),
      );
      together.forEach(({ resolve, reject }, i) => {
        const error = answers[i];
        if (error) reject(error);
        else resolve();
      });
    } catch (error) {
      // Another process may be the primary by now: the next look finds it.
      letGo(place);
      const known = asStoreError(error);
      const why = known instanceof StoreError ? notReplicated(known.message) : known;
      for (const { reject } of together) reject(why);
    }
    place.busy = false;
    if (place.waiting.length > 0) void round(root, place);
  }

  function confirm(root: string, fact: Fact): Promise<void> {
    if (stopped) return Promise.reject(notReplicated("the connection is closed"));
    const place = places.get(root) ?? { waiting: [], busy: false, link: undefined };
    places.set(root, place);
    return new Promise((resolve, reject) => {
      place.waiting.push({ fact, resolve, reject });
      if (!place.busy) void round(root, place);
    });
  }

  return {
    confirm,
    guardJobs: (jobs) => ({
      ...jobs,
      async create(job) {
        const answer = await jobs.create(job);
        if (job.replicated) await confirm(keys.zone(job.zone), { kind: "job", id: answer.job.id });
        return answer;
      },
      async createMany(wanted) {
        const answers = await jobs.createMany(wanted);
        return Promise.all(
          answers.map(async (answer, at) => {
            const job = wanted[at];
            if (!job?.replicated || answer instanceof StoreError) return answer;
            try {
              await confirm(keys.zone(job.zone), { kind: "job", id: answer.job.id });
              return answer;
            } catch (error) {
              if (error instanceof StoreError) return error;
              throw error;
            }
          }),
        );
      },
    }),
    stop() {
      stopped = true;
      for (const place of places.values()) letGo(place);
    },
  };
}

function argumentsOf(fact: Fact): string[] {
  return fact.kind === "intent" ? [fact.kind, fact.id, fact.fence] : [fact.kind, fact.id];
}
