import { createClaimNumbers } from "./claim-numbers.js";
import type { RedisLinks, StoreConnection } from "./connection.js";
import { workerHold } from "../domain/hold.js";
import type { WorkerControl } from "../domain/worker-control.js";
import type { ChangeStop } from "../domain/policies.js";
import { factBody } from "./event-json.js";
import { createGatheredCalls, type Item } from "./gathered-calls.js";
import { someOf } from "./pack.js";
import { openHintLine } from "./hint-line.js";
import { stopField } from "./freeze-text.js";
import { countedAttempts, firstAttempt, hashOfPairs, jobOfHash } from "./job-hash.js";
import type { EffectClass, Failure } from "../domain/job.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type ScriptArgument, type ScriptReply, type Scripts, text } from "./scripts.js";
import { reconciling, unfit } from "./gate-errors.js";
import { factArguments, piecesOf } from "./journal-facts.js";
import { liftHolds } from "./lift-holds.js";
import type {
  AttemptEnd,
  Claim,
  Fenced,
  Hint,
  Holder,
  KnownRequest,
  LeaseStore,
  SessionEnd,
  Telling,
} from "./store.js";
import type { WorkerIdentity } from "./store.js";

/** A session that is open beats a device that waits, unless that one has waited longer by more than this. */
const warmBonusMicros = 2_000_000;
/** Devices let go of in one call. */
const releaseChunk = 1_000;
/** Devices freed in one call when a worker retires. */
const retireChunk = 100;

/** What is to be told, as scripts say it. */
function tellingOf(told: string): Telling {
  const space = told.indexOf(" ");
  return { sinceMs: Number(told.slice(0, space)), history: told.slice(space + 1) };
}

function holderArguments(holder: Holder): ScriptArgument[] {
  return [holder.worker, holder.endpoint, holder.job, holder.fence];
}

/** What `claim.lua` tells of a job. */
function claimOf({ name, zone }: WorkerIdentity, reply: ScriptReply, startMs: number): Claim {
  const [id, fence, secret, ...rest] = list(reply);
  const sealed = Buffer.isBuffer(secret) && secret.length > 0 ? { sealedSecret: secret } : {};
  const holder = { id: text(id), zone, worker: name, fence: text(fence), startMs };
  if (rest.length === 1) {
    const hash = hashOfPairs(list(rest[0]));
    const job = jobOfHash(holder.id, zone, hash);
    return { job, fence: holder.fence, countedAttempts: countedAttempts(hash), ...sealed };
  }
  const [endpoint, createMs, expireMs, effectClass, definition, spec] = rest;
  const job = firstAttempt(holder, {
    endpoint: text(endpoint),
    createMs: Number(text(createMs)),
    expireMs: Number(text(expireMs)),
    effectClass: text(effectClass) as EffectClass,
    definition: text(definition),
    spec: spec as Buffer,
  });
  return { job, fence: holder.fence, countedAttempts: 1, ...sealed };
}

/** STORE_RECONCILING: the write found no hold on its device, and may find it again. */
function fenced<Answer extends Fenced | "CUT">({ zone }: Holder, reply: ScriptReply): Answer {
  const answer = text(reply);
  if (answer === "SHUT") throw reconciling(zone);
  return answer as Answer;
}

/** The end of an attempt as `finish.lua` takes it. */
function itemOf(holder: Holder, end: AttemptEnd): Item {
  const { rest, transcript, deviceFailure } = end;
  return [
    ...holderArguments(holder),
    ...[end.verdict, end.intendedStep, end.confirmedStep, end.keepDevice ? 1 : 0],
    ...[end.error && JSON.stringify(end.error), end.effect, end.result, end.parts],
    someOf({
      pause: end.verdict === "RETRY" ? (end.retryInMs ?? 0) : undefined,
      breaker: end.breaker,
      deferred: end.deferred ? 1 : undefined,
      output: rest && rest.output.length > 0 ? rest.output : undefined,
      facts: rest && rest.facts.length > 0 ? rest.facts.map(factBody) : undefined,
      transcript: transcript && transcript.length > 0 ? transcript : undefined,
      shown: deviceFailure && shownFailure(deviceFailure, holder.job),
    }),
  ];
}

/** What a device shows of the last failure to use it, without the time, which the script knows. */
function shownFailure({ reason, message }: Failure, job: string): string {
  return JSON.stringify({ reason, message, job }).slice(1, -1);
}

/** What a worker does with its lease and its jobs. */
export async function openLeaseStore(
  links: Pick<RedisLinks, "dial"> & { readonly state: Pick<StoreConnection, "hget"> },
  scripts: Scripts,
  keys: KeySpace,
): Promise<Omit<LeaseStore, "replicated"> & { stop(): Promise<void> }> {
  const listeners = new Map<string, Set<(hint: Hint) => void>>();
  const hints = await openHintLine(() => links.dial(), {
    message(channel, message) {
      const hint = parseHint(message);
      if (hint) for (const listener of listeners.get(channel) ?? []) listener(hint);
    },
    // After a break, hints may have been lost: everybody looks for work.
    back() {
      for (const some of listeners.values()) for (const listener of some) listener({ kind: "work" });
    },
  });

  const finishing = createGatheredCalls(scripts, "finish");
  const numbers = createClaimNumbers();

  return {
    async register(worker, control) {
      const { name, pid, hostname, node, version, capacity, labels, skills, tasks = [] } = worker;
      const facts: ScriptArgument[] = ["pid", pid, "host", hostname, "node", node, "ver", version, "cap", capacity];
      if (labels) facts.push("labels", JSON.stringify(labels));
      if (control) facts.push("ctl", JSON.stringify(control), "closing", 1);
      const types = tasks.flatMap((type) => [type.name, JSON.stringify(type)]);
      const args = [name, skills.join("\n"), tasks.length, ...types, ...facts];
      const [answer, remembered] = list(await scripts.run("register", keys.zone(worker.zone), ...args));
      if (text(answer) !== "OK") throw new Error(`worker ${name} was buried; start it under a new name`);
      return { toTell: tellingOf(text(remembered)) };
    },
    async beat(worker, { running, sessions, closing, draining, succeeded, failed, ...more }) {
      const { loopDelayMs, claimAgeMs, untold, jobs } = more;
      const figures = [running, sessions, closing ? 1 : 0, draining ? "draining" : "alive", succeeded, failed];
      if (loopDelayMs !== undefined) figures.push("lag", Math.round(loopDelayMs));
      if (claimAgeMs !== undefined) figures.push("cage", Math.round(claimAgeMs));
      if (untold !== undefined) figures.push("mute", untold);
      if (jobs) figures.push("jobs", JSON.stringify(jobs));
      const reply = list(await scripts.run("beat", keys.zone(worker.zone), worker.name, ...figures));
      const [answer, ...told] = reply.map((part) => text(part));
      if (answer === "DEAD") return { answer };
      const orders = (word: string): string[] => told.filter((_, i) => i % 2 === 1 && told[i - 1] === word);
      const closes = orders("close").map((end): SessionEnd => {
        const [number = "", job = "", fence] = end.split(" ");
        return { number: Number(number), ...(job === "" ? {} : { job }), ...(fence === undefined ? {} : { fence }) };
      });
      const newcomers = orders("note").map((told) => {
        const [name = "", number = ""] = told.split(" ");
        return { name, number: Number(number) };
      });
      const [toTell] = orders("replay");
      const [control] = orders("control");
      return {
        answer: "OK",
        cancels: orders("cancel"),
        ...(closes.length === 0 ? {} : { closes }),
        ...(newcomers.length === 0 ? {} : { newcomers }),
        ...(control === undefined ? {} : { control: JSON.parse(control) as WorkerControl }),
        ...(toTell === undefined ? {} : { toTell: tellingOf(toTell) }),
      };
    },
    async claim(worker, limit, requestId, leaveFreeTasks = false) {
      const args: ScriptArgument[] = [worker.name, limit, numbers.of(worker, requestId), warmBonusMicros];
      if (leaveFreeTasks) args.push(1);
      const [answer, now, ...claims] = list(await scripts.run("claim", keys.zone(worker.zone), ...args));
      if (text(answer) === "SHUT") {
        const toTell = text(now);
        return { answer: "SHUT", claims: [], ...(toTell ? { toTell: tellingOf(toTell) } : {}) };
      }
      const startMs = now === undefined ? 0 : Number(text(now));
      return {
        answer: text(answer) as "OK" | "MORE" | "DEAD",
        claims: claims.map((claim) => claimOf(worker, claim, startMs)),
      };
    },
    async intent(holder, step) {
      const reply = list(await scripts.run("intent", keys.zone(holder.zone), ...holderArguments(holder), step));
      const [answer, ...known] = reply.map((part) => text(part));
      if (answer === "HIDDEN") throw unfit();
      if (answer === "SHUT") throw reconciling(holder.zone, known);
      if (answer === "FROZEN") {
        const [policy = "", ends] = known;
        return { answer, policy, ...(ends ? { untilMs: Number(ends) } : {}) };
      }
      if (answer !== "OK") return { answer: answer as "FENCED" | "UNSEEN" | "EXPIRED" | "CANCELLED" };
      const requests: KnownRequest[] = [];
      for (let i = 0; i + 1 < known.length; i += 2) requests.push([known[i] ?? "", known[i + 1] ?? ""]);
      return { answer, requests };
    },
    async stopped(zone) {
      const stop = await links.state.hget(keyOf(keys.zone(zone), "freezes"), stopField);
      return stop === null ? undefined : (JSON.parse(stop) as ChangeStop);
    },
    async lendPermits(holder) {
      const args = holderArguments(holder);
      return fenced<Fenced>(holder, await scripts.run("lend_permits", keys.zone(holder.zone), ...args));
    },
    async append(holder, part) {
      const reply = await scripts.run(
        "append",
        keys.zone(holder.zone),
        ...holderArguments(holder),
        ...[part.output, part.intendedStep ?? "", part.confirmedStep ?? "", part.number, ...part.facts.map(factBody)],
      );
      return fenced(holder, reply);
    },
    async finish(holder, end) {
      return fenced(holder, await finishing(keys.zone(holder.zone), itemOf(holder, end)));
    },
    async replay(zone, facts) {
      let changed = 0;
      for (const piece of piecesOf(facts)) {
        changed += Number(await scripts.run("replay", keys.zone(zone), ...factArguments(piece)));
      }
      return changed;
    },
    async settle({ zone, name }, history, live) {
      const attempts = live.flatMap(({ job, fence }) => [job, fence]);
      for (let cursor = "0"; ;) {
        const reply = list(await scripts.run("settle", keys.zone(zone), name, history, cursor, ...attempts));
        const [next = "0", ...strangers] = reply.map((part) => text(part));
        if (next === "ANOTHER") throw reconciling(zone);
        if (next === "0") return strangers;
        cursor = next;
      }
    },
    async noted({ zone, name }, newcomers) {
      await scripts.run("noted", keys.zone(zone), name, ...newcomers);
    },
    async replayed({ zone, name }, history, journals, newcomers = []) {
      const others = newcomers.flatMap((one) => [one.name, one.number]);
      const args = [name, history, journals.length, ...journals, ...others];
      if (text(await scripts.run("replayed", keys.zone(zone), ...args)) === "ANOTHER") throw reconciling(zone);
      for (const journal of journals) {
        const lifted = await liftHolds(scripts, keys.zone(zone), workerHold(journal), history);
        if (lifted === "ANOTHER") throw reconciling(zone);
      }
    },
    async tellSessions({ zone, name }, { anew, gone, changed }) {
      const told = changed.flatMap(({ number, facts, use }) => [
        number,
        facts ? JSON.stringify(facts) : "",
        JSON.stringify(use),
      ]);
      await scripts.run("tell_sessions", keys.zone(zone), name, anew ? 1 : 0, gone.length, ...gone, ...told);
    },
    async release(worker, endpoints) {
      for (let i = 0; i < endpoints.length; i += releaseChunk) {
        const some = endpoints.slice(i, i + releaseChunk);
        await scripts.run("release", keys.zone(worker.zone), worker.name, ...some);
      }
    },
    async retire(worker) {
      for (let left = 1; left > 0;) {
        const reply = list(await scripts.run("reap", keys.zone(worker.zone), worker.name, "retire", retireChunk));
        left = Number(reply[1]);
      }
      numbers.forget(worker);
    },
    async onHint(worker, hint) {
      const channel = keyOf(keys.zone(worker.zone), "hint", worker.name);
      const some = listeners.get(channel) ?? new Set();
      listeners.set(channel, some.add(hint));
      await hints.subscribe(channel);
      return async () => {
        some.delete(hint);
        if (some.size > 0) return;
        listeners.delete(channel);
        await hints.unsubscribe(channel);
      };
    },
    stop: () => hints.stop(),
  };
}

function parseHint(message: string): Hint | undefined {
  const space = message.indexOf(" ");
  const [word, rest] = space < 0 ? [message, ""] : [message.slice(0, space), message.slice(space + 1)];
  if (word === "work" || word === "control" || word === "stop") return { kind: word };
  if (word === "cancel") return { kind: "cancel", job: rest };
  if (word === "release") return { kind: "release", endpoint: rest };
  return undefined;
}
