import type { Redis } from "ioredis";
import { walkInstallation } from "./fsck-installation.js";
import { type Batch, membersOf, walk } from "./fsck-walk.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type ScriptReply, type Scripts, text } from "./scripts.js";
import { isUnreadable, unreadable } from "./fsck-unreadable.js";

/** A broken invariant between keys. */
export interface Problem {
  /** Which invariant: a fixed name such as "queued-in-line". */
  readonly invariant: string;
  /** The key that is not as it must be. */
  readonly key: string;
  readonly detail: string;
  /** Whether it can be mended without a person's judgement. */
  readonly repairable: boolean;
  /** Whether it was mended now. */
  readonly repaired: boolean;
}

/** What a check came to. `left`: problems that are still there. */
export interface CheckSummary {
  readonly found: number;
  readonly repaired: number;
  readonly left: number;
}

/** Checks what has to hold between the keys of a zone. */
export interface FsckStore {
  /**
   * Looks at everything in the zone in bounded steps and reports each problem that is there twice: when it is met, and
   * again when all else was looked at. Safe while the service runs.
   */
  check(zone: string, how: CheckOptions): Promise<CheckSummary>;
  /** The same, in one look, for what is of no zone: runs, schedules and deliveries to webhooks. */
  checkInstallation(how: CheckOptions): Promise<CheckSummary>;
}

/** What a check does. */
export interface CheckOptions {
  /** Mends what can be mended without a person's judgement. */
  readonly repair: boolean;
  /** Beside `repair`: also frees devices of jobs that are lost, whatever those did. Default false. */
  readonly freeLost?: boolean;
  readonly report: (problem: Problem) => void;
}

/** What scripts may mend: nothing, what is safe, and also what a person answers for. */
type Mending = 0 | 1 | 2;

function mendingOf({ repair, freeLost }: CheckOptions): Mending {
  if (!repair) return 0;
  return freeLost ? 2 : 1;
}

interface Parts {
  readonly scripts: Scripts;
  readonly keys: KeySpace;
  /** A connection for one life to the process that holds this key. */
  readonly dial: (key: string) => Promise<Redis>;
}

/** Mending one thing can bring another to light; so many rounds at most. */
const mostRounds = 5;

/** Opens a connection for each check, because only the process that holds a zone can list its keys. */
export function createFsck({ scripts, keys, dial }: Parts): FsckStore {
  async function judge(
    root: string,
    batch: Batch,
    mending: Mending,
  ): Promise<(Problem & { readonly thing: string })[]> {
    let reply: ScriptReply;
    try {
      reply = await scripts.run(batch.script, root, mending, ...batch.fixed, ...batch.things);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const [thing = "", ...others] = batch.things;
      if (others.length === 0) return [{ thing, ...unreadable(root, batch, thing, error) }];
      const each = [];
      for (const one of batch.things) each.push(...(await judge(root, { ...batch, things: [one] }, mending)));
      return each;
    }
    return list(reply).map((finding) => {
      const [thing, invariant, key, detail, repairable, repaired] = list(finding);
      return {
        thing: text(thing),
        invariant: text(invariant),
        key: text(key),
        detail: text(detail),
        repairable: repairable === 1,
        repaired: repaired === 1,
      };
    });
  }

  /** The things that have problems, as batches again. */
  async function suspects(redis: Redis, root: string): Promise<Batch[]> {
    const found = new Map<string, Batch & { readonly things: string[] }>();
    for await (const batch of walk(redis, root)) {
      for (const { thing } of await judge(root, batch, 0)) {
        // Each alone, so that mending one cannot hide behind another of its batch.
        found.set([batch.script, ...batch.fixed, thing].join("\n"), { ...batch, things: [thing] });
      }
    }
    return [...found.values()];
  }

  const sizeOf = (redis: Redis, root: string, id: string): Promise<string | null> =>
    redis.hget(keyOf(root, "job", id), "ob").catch((error: unknown) => {
      if (isUnreadable(error)) return null;
      throw error;
    });

  /** How many bytes the outputs have, when that did not move meanwhile; else undefined. */
  async function outputSum(redis: Redis, root: string): Promise<{ stood: string; sum: number } | undefined> {
    const stand = async (): Promise<string> => (await redis.get(keyOf(root, "outbytes"))) ?? "0";
    const stood = await stand();
    const seen = new Set<string>();
    let sum = 0;
    for await (const ids of membersOf(redis, keyOf(root, "outputs"))) {
      const fresh = ids.filter((id) => !seen.has(id));
      const sizes = await Promise.all(fresh.map((id) => sizeOf(redis, root, id)));
      fresh.forEach((id) => seen.add(id));
      sum = sizes.reduce((total, size) => total + Number(size ?? 0), sum);
    }
    return (await stand()) === stood ? { stood, sum } : undefined;
  }

  async function sumProblems(redis: Redis, root: string, mending: Mending): Promise<Problem[]> {
    // Twice, because two moves can make up for each other between the first look and the last.
    for (let look = 0, before = NaN; look < mostRounds; look++) {
      const now = await outputSum(redis, root);
      if (now && Number(now.stood) === now.sum) return [];
      if (now?.sum === before) {
        return judge(root, { script: "fsck_outbytes", fixed: [now.stood, String(now.sum)], things: [] }, mending);
      }
      before = now?.sum ?? NaN;
    }
    return [];
  }

  return {
    async checkInstallation(how) {
      const { report } = how;
      const mending = mendingOf(how);
      const root = keys.installation;
      const redis = await dial(root);
      try {
        let [found, repaired] = [0, 0];
        const looked = new Set<string>();
        for await (const batch of walkInstallation(redis, root)) {
          const nameOf = (thing: string): string => [batch.script, ...batch.fixed, thing].join(" ");
          const things = batch.things.filter((thing) => !looked.has(nameOf(thing)));
          things.forEach((thing) => looked.add(nameOf(thing)));
          if (things.length === 0) continue;
          for (const { thing: _thing, ...problem } of await judge(root, { ...batch, things }, mending)) {
            report(problem);
            found += 1;
            if (problem.repaired) repaired += 1;
          }
        }
        return { found, repaired, left: found - repaired };
      } finally {
        redis.disconnect();
      }
    },
    async check(zone, how) {
      const { report } = how;
      const mending = mendingOf(how);
      const root = keys.zone(zone);
      const redis = await dial(root);
      try {
        let [found, repaired, left] = [0, 0, 0];
        for (let round = 0, mended = true; mended && round < mostRounds; round++) {
          const problems: Problem[] = [];
          for (const suspect of await suspects(redis, root)) problems.push(...(await judge(root, suspect, mending)));
          problems.push(...(await sumProblems(redis, root, mending)));
          for (const { invariant, key, detail, repairable, repaired: done } of problems) {
            // What cannot be mended is met again in every round.
            if (round === 0 || done) report({ invariant, key, detail, repairable, repaired: done });
            if (round === 0 || done) found += 1;
          }
          const fixed = problems.filter((problem) => problem.repaired).length;
          repaired += fixed;
          left = problems.length - fixed;
          mended = fixed > 0;
        }
        return { found, repaired, left };
      } finally {
        redis.disconnect();
      }
    },
  };
}
