import { createHash } from "node:crypto";
import type { StoreConnection } from "./connection.js";
import type { JobRecord, NewJob, Waiting } from "../domain/job.js";
import { isJobId, zoneOfJobId } from "../domain/job-id.js";
import type { JobState } from "../domain/job-state.js";
import { priorityPointMs } from "../domain/line-order.js";
import { eventOfJson, factBody } from "./event-json.js";
import { acceptedJob, type JobHash, jobOfHash, lineOf, newJobFields } from "./job-hash.js";
import { addressToken, createJobLists } from "./job-list.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type ScriptArgument, type ScriptReply, type Scripts, text } from "./scripts.js";
import { type CancelOutcome, type JobStore, StoreError } from "./store.js";
import type { Zones } from "./zones.js";

function notFound(id: string): StoreError {
  return new StoreError("JOB_NOT_FOUND", `no job ${id}`, { job: id });
}

/** Key of a request id: it holds for the caller, the method and the zone. */
function requestKey(job: NewJob): string {
  if (!job.idempotency) return "";
  const { scope, requestId } = job.idempotency;
  return createHash("sha256").update(`${scope}\n${requestId}`).digest("hex").slice(0, 40);
}

/** Names a job may be limited by: its queue, its caller, each of its labels. */
function limitNames(job: NewJob): string {
  const labels = Object.entries(job.labels).map(([name, value]) => `label/${name}=${value}`);
  return [...(job.queue === undefined ? [] : [`queue/${job.queue}`]), `caller/${job.creator}`, ...labels].join("\n");
}

function dedupeKey(job: NewJob): string {
  return job.dedupe ? createHash("sha256").update(job.dedupe.key).digest("hex").slice(0, 40) : "";
}

function enqueueArguments(job: NewJob): ScriptArgument[] {
  const tokens = [...(job.device === undefined ? [] : [`device/${job.device}`]), addressToken(job.address)];
  return [
    ...[job.id, job.endpoint, lineOf(job.effectClass), job.priority * priorityPointMs, job.startAfterMs ?? ""],
    ...[job.queueTimeoutMs, requestKey(job), job.idempotency?.fingerprint ?? "", job.sealedSecret ?? ""],
    ...[tokens.join("\n"), limitNames(job), job.queue ?? "", dedupeKey(job), job.dedupe?.policy ?? ""],
    ...[job.failIfBlocked ? 1 : 0, job.retryOf ?? "", job.creator, ...newJobFields(job)],
  ];
}

/** Jobs, as callers see them. */
export function createJobStore(redis: StoreConnection, scripts: Scripts, keys: KeySpace, zones: Zones): JobStore {
  /** The zone an id names, and the root of its keys; undefined when there can be no such job. */
  async function locate(id: string): Promise<{ zone: string; root: string } | undefined> {
    if (!isJobId(id)) return undefined;
    const zone = await zones.named(zoneOfJobId(id));
    return zone === undefined ? undefined : { zone, root: keys.zone(zone) };
  }

  async function read(ids: readonly string[]): Promise<(JobRecord | undefined)[]> {
    const places = await Promise.all(ids.map(locate));
    const hashes = await Promise.all(
      ids.map(async (id, i) => {
        const place = places[i];
        return place && (await readHash(keyOf(place.root, "job", id)));
      }),
    );
    return hashes.map((hash, i) => {
      const zone = places[i]?.zone;
      const id = ids[i];
      return hash && zone !== undefined && id !== undefined ? jobOfHash(id, zone, hash) : undefined;
    });
  }

  async function readHash(key: string): Promise<JobHash | undefined> {
    const fields = Object.entries(await redis.hgetallBuffer(key));
    return fields.length === 0 ? undefined : new Map(fields);
  }

  async function accepted(job: NewJob, reply: ScriptReply): Promise<{ job: JobRecord; replayed: boolean }> {
    const [answer, ...rest] = list(reply);
    switch (text(answer)) {
      case "OK": {
        const [now, state, expires] = rest.map((part) => text(part));
        if (state === "FAILED") {
          const [failed] = await read([job.id]);
          if (failed) return { job: failed, replayed: false };
        }
        return {
          job: acceptedJob(job, Number(now), state as JobState, Number(expires)),
          replayed: false,
        };
      }
      case "REPLAYED":
      case "JOINED": {
        const [earlier] = await read([text(rest[0])]);
        if (earlier) return { job: earlier, replayed: true };
        throw notFound(text(rest[0]));
      }
      case "DUPLICATE":
        throw new StoreError("DUPLICATE_JOB", `job ${text(rest[0])} is live and has the same dedupe_key`, {
          job: text(rest[0]),
        });
      case "NOT_RETRYABLE":
        if (text(rest[0]) === "") throw notFound(job.retryOf ?? "");
        throw text(rest[0]) === "INDETERMINATE"
          ? new StoreError("JOB_NOT_RESOLVED", `the outcome of job ${job.retryOf ?? ""} is unknown; resolve it first`, {
              job: job.retryOf ?? "",
            })
          : new StoreError("JOB_NOT_FINAL", `job ${job.retryOf ?? ""} has not ended`, { job: job.retryOf ?? "" });
      case "REUSED":
        throw new StoreError("REQUEST_ID_REUSED", "this request_id was used before with another request", {
          job: text(rest[0]),
        });
      default:
        throw new StoreError("DEVICE_NOT_FOUND", `device ${job.device ?? job.endpoint} is being removed or moved`);
    }
  }

  async function create(job: NewJob): Promise<{ job: JobRecord; replayed: boolean }> {
    return accepted(job, await scripts.run("enqueue", keys.zone(job.zone), ...enqueueArguments(job)));
  }

  async function need(id: string): Promise<{ zone: string; root: string }> {
    const place = await locate(id);
    if (!place) throw notFound(id);
    return place;
  }

  const lists = createJobLists({ redis, keys, zones, read });

  return {
    create,
    // All are under way at once; the connection answers them in the order in which they were sent.
    createMany: (jobs) =>
      Promise.all(
        jobs.map((job) =>
          create(job).catch((error: unknown) => {
            if (error instanceof StoreError) return error;
            throw error;
          }),
        ),
      ),
    async get(id) {
      const [job] = await read([id]);
      return job;
    },
    getMany: read,
    async waiting(jobs) {
      const answers = new Map<string, Waiting>();
      const byZone = new Map<string, JobRecord[]>();
      for (const job of jobs) {
        if (job.state === "QUEUED" || job.state === "DELAYED") {
          byZone.set(job.zone, [...(byZone.get(job.zone) ?? []), job]);
        }
      }
      for (const [zone, waiting] of byZone) {
        const ids = waiting.map((job) => job.id);
        const replies = list(await scripts.run("waiting", keys.zone(zone), ...ids));
        replies.forEach((reply, i) => {
          const [reason, blocking, position, limit] = list(reply);
          const id = ids[i];
          if (reason === undefined || id === undefined) return;
          const blockingJob = text(blocking);
          answers.set(id, {
            reason: text(reason) as Waiting["reason"],
            ...(blockingJob === "" ? {} : { blockingJob }),
            ...(limit === undefined ? {} : { limit: text(limit) }),
            position: Number(position),
          });
        });
      }
      return jobs.map((job) => answers.get(job.id));
    },
    list: lists.page,
    count: lists.count,
    async cancel(id, how) {
      const { root } = await need(id);
      const fact = factBody({ kind: "cancel", caller: how.caller, reason: how.reason });
      const answer = text(await scripts.run("cancel", root, id, how.interruptRunning ? 1 : 0, fact));
      if (answer === "NONE") throw notFound(id);
      return answer as CancelOutcome;
    },
    async resolve(id, verdict, notBeforeMs) {
      const { root } = await need(id);
      const body = JSON.stringify(verdict).slice(1, -1);
      const answer = text(await scripts.run("resolve", root, id, body, notBeforeMs ?? ""));
      if (answer === "NONE") throw notFound(id);
      if (answer === "NOT_INDETERMINATE") {
        throw new StoreError("JOB_NOT_INDETERMINATE", `the outcome of job ${id} is not unknown`, { job: id });
      }
      if (answer === "TOO_EARLY") {
        const until = new Date(notBeforeMs ?? 0).toISOString();
        const message = `the device may take the change of job ${id} back by itself until ${until}; look at it then`;
        throw new StoreError("CONFIRM_TIMER_RUNNING", message, { job: id, until });
      }
      if (answer === "RESOLVED_BEFORE") {
        throw new StoreError("JOB_ALREADY_RESOLVED", `job ${id} was resolved before`, { job: id });
      }
      const [job] = await read([id]);
      if (!job) throw notFound(id);
      return job;
    },
    async mark(id, deleted) {
      const { root } = await need(id);
      const answer = text(await scripts.run("mark_deleted", root, id, deleted ? 1 : 0));
      if (answer === "NONE") throw notFound(id);
      if (answer === "NOT_FINAL") {
        throw new StoreError("JOB_NOT_FINAL", `job ${id} has not ended; cancel it first`, { job: id });
      }
      if (answer === "UNRESOLVED") {
        throw new StoreError("JOB_NOT_RESOLVED", `the outcome of job ${id} is unknown; resolve it first`, { job: id });
      }
      const [job] = await read([id]);
      if (!job) throw notFound(id);
      return job;
    },
    async events(id, from, limit) {
      const { root } = await need(id);
      const key = keyOf(root, "events", id);
      for (;;) {
        const [oldest, last] = await Promise.all([redis.lindex(key, 0), redis.hget(keyOf(root, "job", id), "n")]);
        if (oldest === null || last === null) throw notFound(id);
        const first = eventOfJson(oldest).number;
        const start = Math.max(from, first);
        const stored = await redis.lrange(key, start - first, start - first + limit - 1);
        const events = stored.map(eventOfJson);
        // The list is cut at its old end while it grows; then what was read begins later than it should.
        if (events[0] && events[0].number !== start) continue;
        return { events, first, last: Number(last) };
      }
    },
    async output(id, offset, length) {
      const { root } = await need(id);
      if (length === 0) return new Uint8Array();
      const bytes = await redis.getrangeBuffer(keyOf(root, "output", id), offset, offset + length - 1);
      return bytes.length === length ? bytes : undefined;
    },
    async transcript(id) {
      const { root } = await need(id);
      return (await redis.getBuffer(keyOf(root, "transcript", id))) ?? undefined;
    },
  };
}
