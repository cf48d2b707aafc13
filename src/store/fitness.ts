import type { JudgedServer, ServerCondition } from "./condition-store.js";
import { unfit } from "./gate-errors.js";
import type { JobStore } from "./job-store.js";
import type { LeaseStore } from "./lease-store.js";
import { type StoreError } from "./store-error.js";

/**
 * What is asked of Redis for work that must not run twice. "relaxed": what it acknowledged may be lost with its power, and
 * where it hides which history it has, no such work runs.
 */
export type Demand = "durable" | "relaxed";

/** Settings are read again at least this often where jobs are worked on. */
const lookAgainMs = 5_000;

/** What endangers work that must not run twice on a Redis that is set like this. */
export function weaknessesOf(server: ServerCondition): { readonly never: string[]; readonly durability: string[] } {
  const { limitBytes, evictionPolicy, denied, identified, appendOnly, syncPolicy } = server;
  const never: string[] = [];
  const durability: string[] = [];
  if (limitBytes === 0) {
    never.push(
      "maxmemory is 0, so the system ends Redis when memory runs out; set it to half of the machine's at most",
    );
  }
  if (evictionPolicy !== "noeviction") {
    const found = evictionPolicy === "" ? "not told" : evictionPolicy;
    never.push(
      `maxmemory-policy is ${found}, which drops jobs and holds as if they were a cache; set it to noeviction`,
    );
  }
  if (denied.length > 0) {
    never.push(
      `its user may not run ${denied.join(", ")} on our keys and channels, so scripts stop in the middle of a step; ` +
        "give it the rights of deploy/redis/users.acl",
    );
  }
  if (!identified) {
    durability.push(
      "it hides run_id or master_replid (INFO), so nobody can tell when it comes back without its last writes; " +
        "redis.allow_relaxed_durability lets reads run on it, changes never",
    );
  }
  const lastWrites = "so what it acknowledged last, the intent of a change with it, can be lost with its power";
  const remedy = "or set redis.allow_relaxed_durability";
  if (!appendOnly) {
    durability.push(`appendonly is no, ${lastWrites}; set appendonly yes and appendfsync always, ${remedy}`);
  } else if (syncPolicy === undefined) {
    durability.push(
      "it does not let us read appendfsync (CONFIG GET), so nobody knows whether an intent is on disk before a change " +
        "is sent; allow the user +config|get, or, where the provider forbids that and vouches for acknowledged writes, " +
        "set redis.allow_relaxed_durability",
    );
  } else if (syncPolicy !== "always") {
    durability.push(`appendfsync is ${syncPolicy}, ${lastWrites}; set it to always, ${remedy}`);
  }
  return { never, durability };
}

/** Processes as they tell of themselves, and why another could not be asked, where one could not. */
export interface AskedServers<Server = ServerCondition> {
  readonly servers: readonly Server[];
  readonly missing?: Error;
}

/** Knows whether Redis is set as work needs it that must not run twice. */
export interface Fitness {
  /** Reads how all processes are set that can be reached. */
  look(): Promise<AskedServers<JudgedServer>>;
  /** Jobs of which none is accepted that must not run twice while Redis is unfit (STORE_UNFIT). */
  guardJobs(jobs: JobStore): JobStore;
  /** Leases of which no attempt passes its point of no return while Redis is unfit. Looks again as beats go by. */
  guardLeases<L extends LeaseStore>(leases: L): L;
}

/** Without a demand nothing is unfit. `ask` reads how the processes are set. */
export function createFitness(
  demand: Demand | undefined,
  ask: () => Promise<AskedServers>,
  monotonic: () => number,
): Fitness {
  let problems: readonly string[] = [];
  let lookedMs = monotonic();

  function judge(server: ServerCondition): JudgedServer {
    const { never, durability } = weaknessesOf(server);
    if (demand === undefined) return { ...server, unfit: [], allowed: [] };
    return demand === "durable"
      ? { ...server, unfit: [...never, ...durability], allowed: [] }
      : { ...server, unfit: never, allowed: durability };
  }

  async function look(): Promise<AskedServers<JudgedServer>> {
    lookedMs = monotonic();
    const asked = await ask();
    const servers = asked.servers.map(judge);
    const found = servers.flatMap(({ unfit }) => unfit);
    // One that is away may be what it was.
    problems = [...new Set("missing" in asked ? [...problems, ...found] : found)];
    return { ...asked, servers };
  }

  function problem(): StoreError | undefined {
    return problems.length === 0 ? undefined : unfit(problems.join("; "));
  }

  function requireFit(): void {
    const found = problem();
    if (found) throw found;
  }

  return {
    look,
    guardJobs: (jobs) => ({
      ...jobs,
      async create(job) {
        if (job.effectClass === "AT_MOST_ONCE") requireFit();
        return jobs.create(job);
      },
      async createMany(wanted) {
        const found = problem();
        const refused = (at: number): boolean => found !== undefined && wanted[at]?.effectClass === "AT_MOST_ONCE";
        const taken = (await jobs.createMany(wanted.filter((_, at) => !refused(at)))).values();
        return wanted.map((_, at) => (found && refused(at) ? found : taken.next().value!));
      },
    }),
    guardLeases: (leases) => ({
      ...leases,
      async beat(worker, figures) {
        // A Redis that does not answer is not unfit for that; the beat itself says so.
        if (demand !== undefined && monotonic() - lookedMs >= lookAgainMs) void look().catch(() => undefined);
        return leases.beat(worker, figures);
      },
      async intent(holder, step) {
        requireFit();
        return leases.intent(holder, step);
      },
    }),
  };
}
