import { workerHold } from "../../../src/domain/hold.js";
import type {
  Claim,
  Fenced,
  Holder,
  LeaseStore,
  Newcomer,
  Output,
  Telling,
  WorkerIdentity,
} from "../../../src/store/store.js";
import { StoreError } from "../../../src/store/store.js";
import type { WorkerControl } from "../../../src/domain/worker-control.js";
import { createClaimNumbers } from "../../../src/store/claim-numbers.js";
import { stopName } from "../../../src/domain/policies.js";
import { isOwnEndpoint } from "../../../src/domain/work-place.js";
import { closeAttempt, lose } from "./lose.js";
import { recordOf } from "./model-jobs.js";
import { refuseToWait } from "./refuse-to-wait.js";
import * as zones from "./zone.js";

interface ModelLeases extends Omit<LeaseStore, "onHint" | "replay" | "settle" | "noted" | "replayed" | "tellSessions"> {
  /** A claim by its number, as it reaches Redis: what comes late takes nothing. */
  claimNumbered(
    worker: WorkerIdentity,
    limit: number,
    number: number,
    leaveFreeTasks?: boolean,
  ): ReturnType<LeaseStore["claim"]>;
}

/** A session that is open beats a device that waits, unless that one has waited longer by more than this. */
const warmBonusMs = 2_000;
/** Endpoints of the devices that a worker owns. */
export function ownedBy(zone: zones.ModelZone, name: string): string[] {
  return [...zone.devices.values()].filter(({ owner }) => owner === name).map(({ endpoint }) => endpoint);
}

/** Marks a worker as dead; its devices are still to be freed. */
export function bury(zone: zones.ModelZone, worker: zones.ModelWorker): void {
  Object.assign(worker, { state: "dead", running: 0, sessions: 0, deadMs: zone.now() });
  zone.gate.witnesses.delete(worker.identity.name);
  zone.gate.newcomers.delete(worker.identity.name);
}

/** Frees devices of a dead worker. */
export function free(zone: zones.ModelZone, worker: zones.ModelWorker, endpoints: readonly string[]): void {
  for (const endpoint of endpoints) {
    const device = zones.deviceAt(zone, endpoint);
    const job = zone.jobs.get(device.run ?? "");
    delete device.run;
    if (job) lose(zone, job, worker.missing);
    if (worker.missing) zones.holdBy(zone, endpoint, workerHold(worker.identity.name));
    zones.letGo(device);
    zones.place(zone, endpoint);
  }
}

function reconciling(): StoreError {
  return new StoreError("STORE_RECONCILING", "the model is being reconciled");
}

/** What a worker does with its lease and its jobs, in the model. */
export function createModelLeases(zone: zones.ModelZone): ModelLeases {
  function held({ worker, endpoint, job, fence }: Holder): zones.ModelJob | undefined {
    const device = zones.deviceAt(zone, endpoint);
    const by = zone.workers.get(worker);
    const mine = device.owner === worker && device.run === job && device.fence === fence && by?.state !== "dead";
    return mine ? zone.jobs.get(job) : undefined;
  }

  function toTell(): Telling {
    return { history: zone.identity(), sinceMs: zone.gate.untoldMs ?? zone.gate.markMs ?? 0 };
  }

  /** What the worker is to tell, when it has not told this history. */
  function toReplay({ settled }: zones.ModelWorker): { toTell?: Telling } {
    return settled === zone.identity() ? {} : { toTell: toTell() };
  }

  function orderOf({ control }: zones.ModelWorker): { control?: WorkerControl } {
    return control ? { control } : {};
  }

  /** Whether others would remember this worker; where there is none, it is the first. */
  function isRemembered(name: string): boolean {
    const { witnesses, newcomers, unseen, roster } = zone.gate;
    if (witnesses.has(name)) return true;
    if (unseen.has(name)) return false;
    if (witnesses.size === 0) {
      witnesses.add(name);
      newcomers.delete(name);
      return true;
    }
    if (!newcomers.has(name)) newcomers.set(name, roster);
    return false;
  }

  function toNote(name: string): { newcomers?: readonly Newcomer[] } {
    const { witnesses, newcomers } = zone.gate;
    if (!witnesses.has(name) || newcomers.size === 0) return {};
    return { newcomers: [...newcomers].map(([newcomer, number]) => ({ name: newcomer, number })) };
  }

  /** What a write is answered that does not hold its device. */
  function refused(): "FENCED" {
    if (zones.isShut(zone)) throw reconciling();
    return "FENCED";
  }

  /** From here on only facts are kept: what came before is forgotten. */
  function cut(job: zones.ModelJob): void {
    if (job.cut) return;
    job.cut = true;
    const message = "some output is missing here: Redis came back without it";
    zones.record(zone, job, { kind: "log", level: "warning", message });
  }

  function write(job: zones.ModelJob, { facts, output }: Output): void {
    if (!job.cut) job.output = Buffer.concat([job.output, output]);
    for (const fact of facts) if (!job.cut || fact.kind !== "output") zones.record(zone, job, fact);
  }

  /** The devices that a claim looks at, best first: as many warm ones and cold ones as it may take, merged. */
  function candidates(worker: string, limit: number, leaves: boolean): { devices: zones.ModelDevice[]; more: boolean } {
    const waiting = [...zone.devices.values()].flatMap((device) => {
      const job = zones.startable(zone, device);
      return job && zones.isAble(zone, worker, job) ? [{ device, score: job.score, skill: job.spec.skill }] : [];
    });
    const sorted = zones.byScore(
      waiting,
      ({ score }) => score,
      ({ device }) => device.endpoint,
    );
    const warm = sorted.filter(({ device }) => device.owner === worker).slice(0, limit);
    // As many of each list: the common one, and one of each skill.
    const listed = new Map<string | undefined, number>();
    const cold = sorted.filter(({ device, skill }) => {
      if (device.owner !== undefined) return false;
      if (leaves && skill?.includes("task/") && isOwnEndpoint(device.endpoint)) return false;
      const before = listed.get(skill) ?? 0;
      listed.set(skill, Math.min(limit, before + 1));
      return before < limit;
    });
    const more = warm.length === limit || [...listed.values()].includes(limit);
    const devices: zones.ModelDevice[] = [];
    for (;;) {
      const [own, other] = [warm[0], cold[0]];
      const best = own && (!other || other.score + warmBonusMs >= own.score) ? warm.shift() : cold.shift();
      if (!best) return { devices, more };
      devices.push(best.device);
    }
  }

  function start(
    worker: string,
    device: zones.ModelDevice,
    job: zones.ModelJob,
    fence: string,
  ): { id: string; fence: string } {
    const now = zone.now();
    Object.assign(device, { owner: worker, run: job.id, fence });
    delete device.warmSinceMs;
    Object.assign(job, { state: "RUNNING", worker, fence, startMs: now, intendedStep: 0, confirmedStep: 0, part: 0 });
    job.firstStartMs ??= now;
    delete job.intentMs;
    delete job.retryMs;
    delete job.cut;
    job.attempts.push({ number: job.attempts.length + 1, worker, fence, startMs: now });
    zones.record(zone, job, { kind: "state", state: "RUNNING", worker });
    return { id: job.id, fence };
  }

  function answer(taken: readonly { readonly id: string; readonly fence: string }[]): Claim[] {
    return taken.flatMap(({ id, fence }) => {
      const job = zone.jobs.get(id);
      if (!job) return [];
      const countedAttempts = job.attempts.length - job.refunds;
      const secret = job.secret && job.spec.sealedSecret ? { sealedSecret: job.spec.sealedSecret } : {};
      return [{ job: recordOf(zone, job), fence, countedAttempts, ...secret }];
    });
  }

  const numbers = createClaimNumbers();

  return {
    async register(identity) {
      const known = zone.workers.get(identity.name);
      if (known?.state === "dead") throw new Error(`worker ${identity.name} was buried`);
      const now = zone.now();
      const fresh = { running: 0, sessions: 0, closing: false, succeeded: 0, failed: 0, ...known };
      delete fresh.claim;
      zone.workers.set(identity.name, { ...fresh, identity, state: "alive", birthMs: now, beatMs: now, beat: now });
      zone.gate.unseen.set(identity.name, (zone.gate.roster += 1));
      return { toTell: toTell() };
    },
    async beat({ name }, { running, sessions, closing, draining, succeeded, failed }) {
      const worker = zone.workers.get(name);
      if (!worker || worker.state === "dead") return { answer: "DEAD" };
      worker.beat = Math.max(zone.now(), worker.beat + 1);
      const state = draining ? "draining" : "alive";
      Object.assign(worker, { beatMs: zone.now(), running, sessions, closing, succeeded, failed, state });
      if (worker.control) worker.closing = true;
      if (worker.closing) {
        for (const device of zone.devices.values()) if (device.owner === name) zones.place(zone, device.endpoint);
      }
      const cancels = [...zone.jobs.values()].filter((job) => job.state === "CANCELLING" && job.worker === name);
      return {
        answer: "OK",
        cancels: cancels.map(({ id }) => id),
        ...toNote(name),
        ...orderOf(worker),
        ...toReplay(worker),
      };
    },
    claim(worker, limit, requestId, leaveFreeTasks) {
      return this.claimNumbered(worker, limit, numbers.of(worker, requestId), leaveFreeTasks);
    },
    async claimNumbered({ name }, limit, number, leaveFreeTasks = false) {
      const worker = zone.workers.get(name);
      if (!worker || worker.state === "dead") return { answer: "DEAD", claims: [] };
      if (zones.isShut(zone)) return { answer: "SHUT", claims: [], ...toReplay(worker) };
      const latest = worker.claim?.number ?? 0;
      if (worker.claim && number === latest) return { answer: "OK", claims: answer(worker.claim.taken) };
      if (number < latest || worker.state === "draining" || worker.control) {
        return { answer: "OK", claims: [] };
      }
      worker.closing = false;
      const taken: { id: string; fence: string }[] = [];
      // Fences are given out in one step; those that are not used are never seen.
      const fence = zone.fence;
      zone.fence += limit;
      const { devices, more } = candidates(name, limit, leaveFreeTasks);
      for (const device of devices) {
        if (taken.length === limit) break;
        delete device.warmSinceMs;
        for (let job = zones.startable(zone, device); job; job = zones.startable(zone, device)) {
          if (!zones.isAble(zone, name, job)) {
            zones.place(zone, device.endpoint);
            break;
          }
          const full = zones.frozen(zone, device.endpoint, job.line)?.policy ?? zones.acquire(zone, job);
          if (full === undefined) {
            taken.push(start(name, device, job, String(fence + taken.length + 1)));
            break;
          }
          if (!job.spec.failIfBlocked) zones.park(zone, job, full);
          zones.giveBack(zone, job);
          refuseToWait(zone, job);
        }
      }
      worker.claim = { number, taken };
      return { answer: taken.length < limit && more ? "MORE" : "OK", claims: answer(taken) };
    },
    async lendPermits(holder) {
      const job = held(holder);
      if (!job) return refused();
      zones.lendPermits(zone, job);
      return "OK";
    },
    // The model has no replicas: whatever is written is known to all there are.
    replicated: () => Promise.resolve(),
    async intent(holder, step) {
      if (zones.isShut(zone) || zone.gate.closed.size > 0) throw reconciling();
      const job = held(holder);
      if (!job) return { answer: "FENCED" };
      if (job.cancelRequested) return { answer: "CANCELLED" };
      if (job.expireMs <= zone.now()) return { answer: "EXPIRED" };
      const freeze = zones.frozen(zone, holder.endpoint, "changes");
      if (freeze) return { answer: "FROZEN", ...freeze };
      if (!isRemembered(holder.worker)) return { answer: "UNSEEN" };
      job.intentMs = zone.now();
      job.intendedStep = step;
      const known = [...zone.requests].filter(([, { id }]) => id === job.id);
      return { answer: "OK", requests: known.map(([key, { id, fingerprint }]) => [key, `${id} ${fingerprint}`]) };
    },
    async stopped() {
      return zone.freezes.has(stopName) ? { owner: "ann", reason: "", createMs: 0 } : undefined;
    },
    async append(holder, part): Promise<Fenced | "CUT"> {
      const job = held(holder);
      if (!job) return refused();
      const answer = (): "OK" | "CUT" => (job.cut ? "CUT" : "OK");
      if (job.part >= part.number) return answer();
      if (part.number > job.part + 1) cut(job);
      job.part = part.number;
      job.intendedStep = part.intendedStep ?? job.intendedStep;
      job.confirmedStep = part.confirmedStep ?? job.confirmedStep;
      write(job, part);
      return answer();
    },
    async finish(holder, end): Promise<Fenced> {
      const job = held(holder);
      if (!job) return refused();
      const now = zone.now();
      const device = zones.deviceAt(zone, holder.endpoint);
      if (job.part < (end.parts ?? 0)) cut(job);
      if (job.cut && end.verdict === "SUCCEEDED" && job.spec.effectClass !== "AT_MOST_ONCE") {
        const { effect: _, ...rest } = end;
        const message = "Redis came back without some of the output.";
        end = { ...rest, verdict: "REQUEUE", error: { reason: "WORKER_LOST", message } };
      }
      const again = end.verdict === "RETRY" || end.verdict === "REQUEUE" || end.verdict === "EXPIRED";
      const begun = end.intendedStep > 0 && (job.spec.effectClass === "IDEMPOTENT" || job.intentMs !== undefined);
      const stopped = again && job.cancelRequested;
      const verdict = stopped ? (begun ? "FAILED" : "CANCELLED") : end.verdict;
      if (end.rest) write(job, end.rest);
      job.intendedStep = end.intendedStep;
      job.confirmedStep = end.confirmedStep;
      closeAttempt(zone, job, end.error);
      delete device.run;
      if (end.deviceFailure) {
        const { reason, message } = end.deviceFailure;
        device.lastFailure = { reason, message, job: job.id, timeMs: now };
      }
      const error = end.error ? { error: end.error } : {};
      if (verdict === "RETRY") {
        job.state = "DELAYED";
        job.retryMs = now + (end.retryInMs ?? 0);
        if (end.breaker === undefined) zones.waitAgain(zone, job, end.retryInMs);
        else job.refunds += 1;
        zones.giveBack(zone, job);
        zones.record(zone, job, { kind: "state", state: "DELAYED", ...error, retryMs: job.retryMs });
      } else if (verdict === "REQUEUE") {
        zones.giveBack(zone, job);
        job.state = "QUEUED";
        job.queueMs = now;
        zones.waitAgain(zone, job);
        job.refunds += 1;
        zones.holdAsZone(zone, job);
        zones.record(zone, job, { kind: "state", state: "QUEUED", ...error });
      } else {
        if (end.error) job.error = end.error;
        const effect = verdict === "CANCELLED" ? "NONE" : stopped ? "PARTIAL" : end.effect;
        if (effect) job.effect = effect;
        if (end.result && job.spec.retain !== "NONE") job.result = end.result;
        if (verdict === "INDETERMINATE") zones.hold(zone, job);
        zones.end(zone, job, verdict);
        zones.record(zone, job, { kind: "state", state: verdict, ...error });
      }
      if (end.transcript) job.transcript = end.transcript;
      if (!end.keepDevice) zones.letGo(device);
      zones.place(zone, holder.endpoint);
      return "OK";
    },
    async release({ name }, endpoints) {
      for (const endpoint of endpoints) {
        const device = zones.deviceAt(zone, endpoint);
        if (device.owner !== name || device.run !== undefined) continue;
        zones.letGo(device);
        zones.place(zone, endpoint);
      }
    },
    async retire({ name }) {
      const worker = zone.workers.get(name);
      if (worker && !worker.missing && zones.isShut(zone) && worker.settled !== zone.identity()) return;
      if (worker && worker.state !== "dead") bury(zone, worker);
      if (worker) free(zone, worker, ownedBy(zone, name));
    },
  };
}
