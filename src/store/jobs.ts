import { hash } from "node:crypto";
import type { StoreConnection } from "./connection.js";
import type { JobRecord, NewJob, Waiting } from "../domain/job.js";
import { isJobId, zoneOfJobId } from "../domain/job-id.js";
import { holdReason } from "../domain/hold.js";
import type { JobState } from "../domain/job-state.js";
import { priorityPointMs } from "../domain/line-order.js";
import { factBody } from "./event-json.js";
import { eventPage } from "./event-list.js";
import { createGatheredCalls, type Item } from "./gathered-calls.js";
import { someOf } from "./pack.js";
import { acceptedJob, definitionOf, type JobHash, jobOfHash } from "./job-hash.js";
import { createJobLists, indexTokens } from "./job-list.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type ScriptReply, type Scripts, text } from "./scripts.js";
import { full, reconciling, unfit } from "./gate-errors.js";
import { type CancelOutcome, type JobStore, StoreError } from "./store.js";
import type { Zones } from "./zones.js";

function notFound(id: string): StoreError {
  return new StoreError("JOB_NOT_FOUND", `no job ${id}`, { job: id });
}

function reused(job: string): StoreError {
  return new StoreError("REQUEST_ID_REUSED", "this request_id was used before with another request", { job });
}

function frozenBy(policy: string, ends: string): Pick<Waiting, "policy" | "untilMs"> {
  return { policy, ...(ends === "" ? {} : { untilMs: Number(ends) }) };
}

function shortHash(text: string): string {
  return hash("sha256", text).slice(0, 40);
}

/** Key of a request id: it holds for the caller, the method and the zone. */
function requestKey({ scope, requestId }: NonNullable<NewJob["idempotency"]>): string {
  return shortHash(`${scope}\n${requestId}`);
}

/** A new job as `enqueue.lua` takes it. */
function itemOf(job: NewJob): Item {
  const { idempotency, dedupe } = job;
  const worth = job.priority * priorityPointMs * 1_000;
  const [token, second, third] = indexTokens(job);
  return [
    ...[job.id, job.endpoint, job.effectClass, worth, job.queueTimeoutMs, definitionOf(job), job.spec],
    ...[token, second, third, idempotency && requestKey(idempotency), idempotency?.fingerprint],
    someOf({
      start: job.startAfterMs,
      secret: job.sealedSecret,
      queue: job.queue,
      dedupe: dedupe && shortHash(dedupe.key),
      policy: dedupe?.policy,
      blocked: job.failIfBlocked ? "fail" : undefined,
      rof: job.retryOf,
      retain: job.retain,
      skill: job.skill,
      run: job.run && `${job.run.id} ${job.run.index}`,
    }),
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
      case "QUEUED":
      case "DELAYED": {
        const [now, expires] = rest.map((part) => Number(text(part)));
        return { job: acceptedJob(job, now ?? 0, text(answer) as JobState, expires ?? 0), replayed: false };
      }
      case "FAILED": {
        const [failed] = await read([job.id]);
        if (failed) return { job: failed, replayed: false };
        throw notFound(job.id);
      }
      case "REPLAYED":
      case "JOINED": {
        const [earlier] = await read([text(rest[0])]);
        if (!earlier) throw notFound(text(rest[0]));
        // Of another job's retry the fingerprint is the same where both do the same; what may join is not told from it.
        if (!job.dedupe && earlier.retryOf !== job.retryOf) throw reused(earlier.id);
        return { job: earlier, replayed: true };
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
      case "SHUT":
        throw reconciling(job.zone, rest.map(text));
      case "HIDDEN":
        throw unfit();
      case "FULL":
        throw full();
      case "REUSED":
        throw reused(text(rest[0]));
      default:
        throw new StoreError("DEVICE_NOT_FOUND", `device ${job.device ?? job.endpoint} is being removed or moved`);
    }
  }

  // A create costs this process nearly what it costs Redis: with a third call they wait less for each other.
  const enqueue = createGatheredCalls(scripts, "enqueue", 3);

  async function create(job: NewJob): Promise<{ job: JobRecord; replayed: boolean }> {
    return accepted(job, await enqueue(keys.zone(job.zone), itemOf(job)));
  }

  const explain = createGatheredCalls(scripts, "waiting");
  const readEvents = createGatheredCalls(scripts, "events");

  async function whyWaiting({ id, zone, state }: JobRecord): Promise<Waiting | undefined> {
    if (state !== "QUEUED" && state !== "DELAYED") return undefined;
    const [reason, blocking, position, name, ends] = list(await explain(keys.zone(zone), [id]));
    if (reason === undefined) return undefined;
    const { job: blockingJob = "" } = holdReason(text(blocking));
    return {
      reason: text(reason) as Waiting["reason"],
      ...(blockingJob === "" ? {} : { blockingJob }),
      ...(name === undefined
        ? {}
        : text(reason) === "FROZEN"
          ? frozenBy(text(name), text(ends))
          : { limit: text(name) }),
      position: Number(position),
    };
  }

  async function need(id: string): Promise<{ zone: string; root: string }> {
    const place = await locate(id);
    if (!place) throw notFound(id);
    return place;
  }

  const lists = createJobLists({ redis, scripts, keys, zones, read });

  return {
    create,
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
    async getWithOutput(id, bytes) {
      const place = await locate(id);
      if (!place) return undefined;
      // The output is asked for behind the job: of one that is final by then, all of it is there.
      const [fields, output] = await Promise.all([
        readHash(keyOf(place.root, "job", id)),
        redis.getrangeBuffer(keyOf(place.root, "output", id), 0, bytes - 1),
      ]);
      return fields && { job: jobOfHash(id, place.zone, fields), output };
    },
    getMany: read,
    waiting: (jobs) => Promise.all(jobs.map(whyWaiting)),
    list: lists.page,
    count: lists.count,
    async cancel(id, how) {
      const { root, zone: name } = await need(id);
      const fact = factBody({ kind: "cancel", caller: how.caller, reason: how.reason });
      const answer = text(await scripts.run("cancel", root, id, how.interruptRunning ? 1 : 0, fact));
      if (answer === "NONE") throw notFound(id);
      if (answer === "SHUT") throw reconciling(name);
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
      const parts = list(await readEvents(root, [id, from, limit])).map(text);
      if (parts.length === 0) throw notFound(id);
      return eventPage(parts, from, limit);
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
