import { jobIdRange } from "../domain/job-id.js";
import type { RunRecord } from "../domain/run.js";
import type { StoreConnection } from "./connection.js";
import { keyOf } from "./keys.js";
import type { RunQuery, RunStore } from "./run-store.js";

/** A page looks at no more runs than this. */
const scanBudget = 1_000;
const chunk = 100;

/** Lists of runs, over indexes whose members are ids, which sort by time. */
export function createRunLists(
  redis: StoreConnection,
  root: string,
  get: (id: string) => Promise<RunRecord | undefined>,
): Pick<RunStore, "list" | "before"> {
  async function walk(sources: readonly string[], before: string, limit: number): Promise<string[]> {
    const parts = await Promise.all(
      sources.map((source) => redis.zrange(source, `(${before}`, "-", "BYLEX", "REV", "LIMIT", 0, limit)),
    );
    return [...new Set(parts.flat())].sort((a, b) => (a < b ? 1 : -1)).slice(0, limit);
  }

  return {
    async list(query, { limit, before }) {
      if (query.ids?.length) {
        const known = (await Promise.all([...new Set(query.ids)].map(get))).filter((run) => run !== undefined);
        const found = known
          .filter((run) => meets(run, query) && (before === undefined || run.id < before))
          .sort((a, b) => (a.id < b.id ? 1 : -1));
        const some = found.slice(0, limit);
        return { runs: some, ...(found.length > limit && { next: some.at(-1)!.id }) };
      }
      const sources = query.schedules?.length
        ? query.schedules.map((schedule) => keyOf(root, "runs-of", schedule))
        : [keyOf(root, "runs")];
      // No floor: the id of a run that made up for a missed time carries that time, however long ago it was.
      const [, ceiling] = jobIdRange(undefined, query.createdBeforeMs);
      let behind = before !== undefined && before < ceiling ? before : ceiling;
      const runs: RunRecord[] = [];
      for (let looked = 0; looked < scanBudget;) {
        const ids = await walk(sources, behind, chunk);
        for (const run of await Promise.all(ids.map(get))) {
          if (!run || !meets(run, query)) continue;
          runs.push(run);
          if (runs.length === limit) return { runs, next: run.id };
        }
        if (ids.length < chunk) return { runs };
        looked += ids.length;
        behind = ids.at(-1) ?? behind;
      }
      return { runs, next: behind };
    },
    async before(schedule, id) {
      const source = keyOf(root, "runs-of", schedule);
      const [before] = await redis.zrange(source, `(${id}`, "-", "BYLEX", "REV", "LIMIT", 0, 1);
      return before;
    },
  };
}

function meets(run: RunRecord, query: RunQuery): boolean {
  const one = (values: readonly string[] | undefined, value: string | undefined): boolean =>
    !values?.length || (value !== undefined && values.includes(value));
  return (
    one(query.ids, run.id) &&
    one(query.states, run.state) &&
    one(query.creators, run.creator) &&
    one(query.schedules, run.schedule) &&
    Object.entries(query.labels ?? {}).every(([name, value]) => run.labels[name] === value) &&
    run.createMs >= (query.createdAfterMs ?? 0) &&
    run.createMs < (query.createdBeforeMs ?? Infinity)
  );
}
