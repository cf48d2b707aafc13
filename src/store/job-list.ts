import { isIPv6 } from "node:net";
import type { StoreConnection } from "./connection.js";
import type { JobRecord } from "../domain/job.js";
import { jobIdRange } from "../domain/job-id.js";
import { type JobState, jobStates } from "../domain/job-state.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type Scripts, text } from "./scripts.js";
import type { JobPage, JobQuery, JobStore } from "./store.js";
import type { Zones } from "./zones.js";

/** A page looks at no more jobs than this; a filter that meets few of them gives a short page and where to go on. */
const scanBudget = 2_000;
const chunk = 200;
/** Jobs that are read before it is known how large they are. */
const firstChunk = 20;
/** A page ends behind this many bytes of specifications, and no more than these are read at a time. */
const pageBytes = 16 * 1024 * 1024;

interface Parts {
  readonly redis: StoreConnection;
  readonly scripts: Scripts;
  readonly keys: KeySpace;
  readonly zones: Zones;
  readonly read: (ids: readonly string[]) => Promise<(JobRecord | undefined)[]>;
}

/**
 * Lists over lexical indexes: members are ids, which sort by time, so a page is a range of text and stays stable while
 * jobs come and go. The narrowest index that a query names is walked; the rest of the query is checked on the jobs.
 */
export function createJobLists({ redis, scripts, keys, zones, read }: Parts): {
  page: JobStore["list"];
  count(query: JobQuery): Promise<ReadonlyMap<JobState, number>>;
} {
  async function zonesOf(query: JobQuery): Promise<readonly string[]> {
    const known = [...(await zones.all()).keys()];
    return query.zones?.length ? known.filter((zone) => query.zones?.includes(zone)) : known;
  }

  /** Gives ids of an index, newest first, below `before` and from `floor` on. */
  type Index = (before: string, floor: string, limit: number) => Promise<readonly string[]>;

  const indexAt =
    (key: string): Index =>
    (before, floor, limit) =>
      redis.zrange(key, `(${before}`, `[${floor}`, "BYLEX", "REV", "LIMIT", 0, limit);

  /** Every job is in the index of its state, and moves from one to another. */
  const indexOfStates =
    (root: string, states: readonly JobState[]): Index =>
    async (before, floor, limit) =>
      list(await scripts.run("walk_states", root, before, floor, limit, ...states)).map(text);

  /** The indexes that together hold every job the query can mean. */
  async function indexes(query: JobQuery): Promise<Index[]> {
    const roots = (await zonesOf(query)).map((zone) => keys.zone(zone));
    const tokens = query.devices?.length ? query.devices.map(tokensOf) : query.nodes?.map((node) => [nodeToken(node)]);
    if (tokens?.length && tokens.every((some) => some.length > 0)) {
      return roots.flatMap((root) =>
        [...new Set(tokens.flat())].map((token) => indexAt(keyOf(root, "ix:device", token))),
      );
    }
    if (query.runs?.length) {
      return roots.flatMap((root) => (query.runs ?? []).map((run) => indexAt(keyOf(root, "ix:run", run))));
    }
    return roots.map((root) => indexOfStates(root, query.states?.length ? [...new Set(query.states)] : jobStates));
  }

  /** Ids of all the indexes, newest first, below `before` and from `floor` on. */
  async function walk(sources: readonly Index[], before: string, floor: string, limit: number): Promise<string[]> {
    const parts = await Promise.all(sources.map((source) => source(before, floor, limit)));
    return [...new Set(parts.flat())].sort((a, b) => (a < b ? 1 : -1)).slice(0, limit);
  }

  /**
   * Walks ids newest first, checks their jobs, and stops at a full page, at the end, or when enough was looked at. A
   * specification can have 4 MiB: so many at a time as fit are read.
   */
  async function collect(
    query: JobQuery,
    limit: number,
    before: string,
    next: (behind: string, want: number) => Promise<readonly { readonly id: string; readonly place: string }[]>,
  ): Promise<JobPage> {
    const found: JobRecord[] = [];
    let behind = before;
    let foundBytes = 0;
    let fitting = firstChunk;
    for (let looked = 0; looked < scanBudget;) {
      const want = Math.min(chunk, fitting, Math.max(limit - found.length, firstChunk));
      const entries = await next(behind, want);
      const jobs = await read(entries.map(({ id }) => id));
      let bytes = 0;
      for (const [index, { place }] of entries.entries()) {
        behind = place;
        const job = jobs[index];
        bytes += job?.spec.length ?? 0;
        if (!job || !meets(job, query)) continue;
        found.push(job);
        foundBytes += job.spec.length;
        if (found.length === limit || foundBytes >= pageBytes) return { jobs: found, next: behind };
      }
      fitting = Math.max(1, Math.floor((pageBytes * entries.length) / Math.max(1, bytes)));
      if (entries.length < want) return { jobs: found };
      looked += entries.length;
    }
    return { jobs: found, next: behind };
  }

  /** Ended jobs of all zones in order of their end: a place is "<end> <id>". */
  async function walkEnded(sources: readonly string[], behind: string, limit: number) {
    const [before = ""] = behind.split(" ");
    const key = before === "" ? "~" : behind;
    // Jobs that ended in one millisecond are ordered by id: all of them are looked at until enough lie behind the place.
    const max = before === "" ? "+inf" : before;
    const parts = await Promise.all(
      sources.map(async (source) => {
        for (let most = limit * 2; ; most *= 2) {
          const flat = await redis.zrange(source, max, "-inf", "BYSCORE", "REV", "LIMIT", 0, most, "WITHSCORES");
          const pairs: { id: string; place: string }[] = [];
          for (let i = 0; i + 1 < flat.length; i += 2) {
            const id = flat[i] ?? "";
            const place = endPlace(Number(flat[i + 1]), id);
            if (place < key) pairs.push({ id, place });
          }
          if (pairs.length >= limit || flat.length < most * 2) return pairs;
        }
      }),
    );
    return parts
      .flat()
      .sort((a, b) => (a.place < b.place ? 1 : -1))
      .slice(0, limit);
  }

  const page: JobStore["list"] = async (query, { limit, before, order }) => {
    if (query.ids?.length && order !== "ended") {
      const ids = [...new Set(query.ids)].sort().reverse();
      return collect(query, limit, before ?? "~", async (behind, want) =>
        ids
          .filter((id) => id < behind)
          .slice(0, want)
          .map((id) => ({ id, place: id })),
      );
    }
    if (query.ids?.length) {
      const found = (await read([...new Set(query.ids)]))
        .filter((job) => job !== undefined && meets(job, query) && hasEnded(job))
        .map((job) => ({ job: job!, place: endPlace(job!.endMs!, job!.id) }))
        .filter(({ place }) => before === undefined || place < before)
        .sort((a, b) => (a.place < b.place ? 1 : -1));
      const some = found.slice(0, limit);
      return { jobs: some.map(({ job }) => job), ...(found.length > limit && { next: some.at(-1)!.place }) };
    }
    if (order === "ended") {
      const roots = (await zonesOf(query)).map((zone) => keys.zone(zone));
      const sources = roots.flatMap((root) => [keyOf(root, "done:good"), keyOf(root, "done:bad")]);
      return collect(query, limit, before ?? "", (behind, want) => walkEnded(sources, behind, want));
    }
    const sources = await indexes(query);
    const [floor, ceiling] = jobIdRange(query.createdAfterMs, query.createdBeforeMs);
    const from = before !== undefined && before < ceiling ? before : ceiling;
    return collect(query, limit, from, async (behind, want) =>
      (await walk(sources, behind, floor, want)).map((id) => ({ id, place: id })),
    );
  };

  /** How many jobs of a zone are in a state, with or without those that are marked as deleted. */
  async function sizeOf(root: string, state: JobState, deleted: boolean): Promise<number> {
    const [all, marked] = await Promise.all([
      redis.zcard(keyOf(root, "ix:state", state)),
      deleted ? 0 : redis.zcard(keyOf(root, "ix:deleted", state)),
    ]);
    return Math.max(0, all - marked);
  }

  return {
    page,

    async count(query) {
      const counts = new Map<JobState, number>();
      if (onlyStates(query)) {
        const roots = (await zonesOf(query)).map((zone) => keys.zone(zone));
        const states = query.states?.length ? query.states : jobStates;
        for (const state of states) {
          const sizes = await Promise.all(roots.map((root) => sizeOf(root, state, query.deleted === true)));
          const total = sizes.reduce((sum, size) => sum + size, 0);
          if (total > 0) counts.set(state, total);
        }
        return counts;
      }
      let before: string | undefined;
      do {
        const part = await page(query, { limit: chunk, before });
        for (const job of part.jobs) counts.set(job.state, (counts.get(job.state) ?? 0) + 1);
        before = part.next;
      } while (before !== undefined);
      return counts;
    },
  };
}

/** Whether the indexes of states alone can count what a query means. */
function onlyStates(query: JobQuery): boolean {
  const { states: _states, zones: _zones, deleted: _deleted, ...rest } = query;
  return Object.values(rest).every(
    (value) => value === undefined || (typeof value === "object" && Object.keys(value as object).length === 0),
  );
}

/** A place in a list by ends. */
function endPlace(endMs: number, id: string): string {
  return `${String(endMs).padStart(16, "0")} ${id}`;
}

/** Whether a list by ends holds it. */
function hasEnded({ endMs, state, resolution }: JobRecord): boolean {
  return endMs !== undefined && (state !== "INDETERMINATE" || resolution !== undefined);
}

/** Whether a job meets a query. */
export function meets(job: JobRecord, query: JobQuery): boolean {
  const one = (values: readonly string[] | undefined, value: string | undefined): boolean =>
    !values?.length || (value !== undefined && values.includes(value));
  const within = (after: number | undefined, before: number | undefined, ms: number | undefined): boolean =>
    (after === undefined || (ms !== undefined && ms >= after)) &&
    (before === undefined || (ms !== undefined && ms < before));
  return (
    one(query.ids, job.id) &&
    one(query.states, job.state) &&
    one(query.workers, job.worker) &&
    one(query.types, job.type) &&
    one(query.nodes, job.node) &&
    one(query.tasks, job.task) &&
    one(query.creators, job.creator) &&
    one(query.zones, job.zone) &&
    one(query.queues, job.queue) &&
    one(query.runs, job.run?.id) &&
    (query.deleted === true || job.deleteMs === undefined) &&
    one(query.errorReasons, job.error?.reason) &&
    (!query.devices?.length || query.devices.some((device) => isAt(job, device))) &&
    Object.entries(query.labels ?? {}).every(([name, value]) => job.labels[name] === value) &&
    within(query.createdAfterMs, query.createdBeforeMs, job.createMs) &&
    within(query.endedAfterMs, query.endedBeforeMs, job.endMs) &&
    (query.also?.(job) ?? true)
  );
}

/** Under what a job is found by its device. */
export function indexTokens({
  device,
  node,
  address,
}: Pick<JobRecord, "device" | "node" | "address">): readonly string[] {
  return [
    ...(device === undefined ? [] : [`device/${device}`]),
    ...(node === undefined ? [] : [nodeToken(node)]),
    ...(address === "" ? [] : [addressToken(address)]),
  ];
}

function nodeToken(node: string): string {
  return `node/${node}`;
}

/** Under what a job is found by its address, whatever the port. */
function addressToken(address: string): string {
  return `address/${address.toLowerCase()}`;
}

/** Under what the jobs are found that a text can mean; nothing for an exclusive key, which has no index of its own. */
function tokensOf(text: string): readonly string[] {
  if (text.startsWith("device/")) return [text];
  if (text.startsWith("key/")) return [];
  const endpoint = /^\[?(.*?)\]?:\d+$/.exec(text);
  if (endpoint && !isIPv6(text)) return [addressToken(endpoint[1] ?? "")];
  return [`device/${text}`, addressToken(text)];
}

/** Whether a job's target goes by this text: "device/<name>", a name, an endpoint, or an address. */
function isAt(job: JobRecord, text: string): boolean {
  if (text.startsWith("device/")) return `device/${job.device ?? ""}` === text;
  return job.device === text || job.endpoint === text || job.address.toLowerCase() === text.toLowerCase();
}
