import type { GateState, JournalFact, LeaseStore, Remembered, UpkeepStore } from "../../../src/store/store.js";
import { StoreError } from "../../../src/store/store.js";
import { holdReason, restoreHold, workerHold } from "../../../src/domain/hold.js";
import { isFinal } from "../../../src/domain/job-state.js";
import { lost, lose } from "./lose.js";
import * as zones from "./zone.js";

const shortestMs = 5_000;
const patienceMs = 30_000;
const markMs = 1_000;
const marginMs = 60_000;
const restoredMs = 600_000;
const step = 500;
const skipped = 1_000_000;

type ModelGate = Pick<LeaseStore, "replay" | "settle" | "noted" | "replayed"> & Pick<UpkeepStore, "reconcile" | "lift">;

function begin(zone: zones.ModelZone): void {
  const { gate } = zone;
  if (gate.for === zone.identity()) return;
  // Of what was forgotten before, not every journal has told yet.
  const untold = gate.for !== undefined || gate.closed.size > 0;
  const fence = untold ? (gate.fence ?? zone.fence) : zone.fence;
  const regs = untold ? (gate.regs ?? gate.roster) : gate.roster;
  gate.roster += skipped;
  Object.assign(gate, { for: zone.identity(), sinceMs: zone.now(), fence, regs, anew: gate.roster });
  zone.fence += skipped;
  gate.replayed.clear();
  gate.walked.clear();
}

function unhold(zone: zones.ModelZone, endpoint: string, name: string): void {
  const device = zones.deviceAt(zone, endpoint);
  device.holds.delete(name);
  const [next] = zones.byScore(
    device.holds,
    ([, since]) => since,
    ([held]) => held,
  );
  if (next) device.hold = next[0];
  else delete device.hold;
  zones.place(zone, endpoint);
  zones.dropOwn(zone, endpoint);
}

/** How a zone and the history of its Redis are brought together, in the model. */
export function createModelGate(zone: zones.ModelZone): ModelGate {
  const { gate } = zone;

  function recreate({ job, requests }: JournalFact): zones.ModelJob {
    const made = zones.addJob(zone, { ...job, queueTimeoutMs: 0 }, job.createMs, job.createMs, job.expireMs);
    for (const [, kept] of requests) {
      const [id = "", fingerprint = ""] = kept.split(" ");
      const [name] = requests.find(([, other]) => other === kept) ?? [];
      if (name !== undefined && !zone.requests.has(name)) zone.requests.set(name, { id, fingerprint });
    }
    zones.record(zone, made, { kind: "state", state: "QUEUED" });
    Object.assign(made.events[0] ?? {}, { timeMs: job.createMs });
    return made;
  }

  function beginAttempt(job: zones.ModelJob, fact: JournalFact): void {
    const { worker, fence } = fact;
    const startMs = fact.job.startMs ?? 0;
    zone.fence = Math.max(zone.fence, Number(fence));
    if (job.fence !== fence) delete job.cut;
    job.attempts = job.attempts.filter(({ number }) => number < fact.job.attempt);
    job.attempts.push({ number: fact.job.attempt, worker, fence, startMs });
    Object.assign(job, { worker, fence, startMs, intentMs: zone.now(), intendedStep: fact.intendedStep });
    Object.assign(job, { confirmedStep: 0, part: 0 });
    job.firstStartMs ??= startMs;
    delete job.retryMs;
    delete job.parked;
    zones.record(zone, job, { kind: "log", level: "warning", message: `known from the journal of worker ${worker}` });
    if (job.state === "DELAYED") zones.record(zone, job, { kind: "state", state: "QUEUED" });
    if (job.state !== "RUNNING" && job.state !== "CANCELLING") {
      zones.record(zone, job, { kind: "state", state: "RUNNING", worker });
    }
  }

  function adopt(job: zones.ModelJob, fact: JournalFact): boolean {
    const device = zones.deviceAt(zone, job.spec.endpoint);
    if (device.run !== undefined && device.run !== job.id) {
      if (device.owner !== fact.worker) return false;
      const other = zone.jobs.get(device.run);
      delete device.run;
      if (other) lose(zone, other);
    }
    if (device.owner !== undefined && device.owner !== fact.worker) zones.letGo(device);
    beginAttempt(job, fact);
    Object.assign(device, { owner: fact.worker, run: job.id, fence: fact.fence });
    for (const name of job.names) {
      if (zones.ceiling(zone, name) !== undefined || name.startsWith("queue/")) job.permits.add(name);
    }
    if (job.state !== "CANCELLING") job.state = "RUNNING";
    zones.place(zone, job.spec.endpoint);
    return true;
  }

  function finish(job: zones.ModelJob, fact: JournalFact): void {
    const { end } = fact;
    const state = end?.verdict ?? "INDETERMINATE";
    const error = end?.error ?? (state === "INDETERMINATE" ? lost : undefined);
    const device = zones.deviceAt(zone, job.spec.endpoint);
    beginAttempt(job, fact);
    if (end) Object.assign(job, { intendedStep: end.intendedStep, confirmedStep: end.confirmedStep });
    if (end?.effect) job.effect = end.effect;
    if (error) job.error = error;
    Object.assign(job.attempts.at(-1) ?? {}, { endMs: zone.now(), ...(error && { error }) });
    if (device.run === job.id) delete device.run;
    if (state === "INDETERMINATE") zones.hold(zone, job);
    zones.end(zone, job, state);
    zones.record(zone, job, { kind: "state", state, ...(error && { error }) });
    zones.place(zone, job.spec.endpoint);
  }

  function testify(job: zones.ModelJob, { worker, end }: JournalFact): boolean {
    const kind = end?.verdict === "SUCCEEDED" ? "APPLIED" : end?.effect === "NONE" ? "NOT_APPLIED" : undefined;
    if (kind === undefined) return false;
    const resolution = { kind, resolver: `worker ${worker}`, reason: "its journal knows", timeMs: zone.now() } as const;
    job.resolution = resolution;
    job.doneMs = zone.now();
    zones.record(zone, job, { kind: "resolved", resolution });
    unhold(zone, job.spec.endpoint, job.id);
    return true;
  }

  function replay(fact: JournalFact): boolean {
    let job = zone.jobs.get(fact.job.id);
    if (!job) {
      if (Number(fact.fence) <= (gate.fence ?? 0)) return false;
      job = recreate(fact);
    } else if (isFinal(job.state)) {
      const doubtful = job.state === "INDETERMINATE" && !job.resolution && job.fence === fact.fence;
      return doubtful && testify(job, fact);
    } else if (job.state === "RUNNING" || job.state === "CANCELLING") {
      if (Number(job.fence) > Number(fact.fence)) return false;
      const device = zones.deviceAt(zone, job.spec.endpoint);
      const held = job.fence === fact.fence && device.run === job.id && device.fence === fact.fence;
      if (held && (fact.live || !fact.end)) {
        if (job.intentMs !== undefined) return false;
        Object.assign(job, { intentMs: zone.now(), intendedStep: fact.intendedStep });
        return true;
      }
    }
    if (!(fact.live && adopt(job, fact))) finish(job, fact);
    return true;
  }

  function lift(reason: string): { devices: number; opened: boolean } {
    const devices = [...zone.devices.values()].filter(({ holds }) => holds.has(reason));
    for (const { endpoint } of devices) unhold(zone, endpoint, reason);
    const opened = gate.closed.delete(reason);
    if (gate.closed.size === 0) delete gate.untoldMs;
    const { worker } = holdReason(reason);
    delete zone.workers.get(worker ?? "")?.missing;
    if (opened && worker !== undefined) {
      gate.roster += 1;
      gate.replayed.add(worker);
    }
    return { devices: devices.length, opened };
  }

  function isUnknown(name: string): boolean {
    return !zone.workers.has(name) && !gate.closed.has(workerHold(name)) && !gate.replayed.has(name);
  }

  function close(worker: string): void {
    gate.closed.add(workerHold(worker));
    gate.untoldMs ??= gate.markMs ?? 0;
  }

  function open(state: "OPEN" | "OPENED", told: string): GateState {
    const roster = `${zone.identity()} ${gate.roster}`;
    const closed = [...gate.closed].sort();
    if (roster === told) return { state, roster, closed };
    const missing = closed.flatMap((name) => holdReason(name).worker ?? []);
    return { state, roster, closed, workers: [...zone.workers.keys(), ...missing] };
  }

  /** Holds the devices of some of the changes that wait; gives whether there were any left. */
  function holdWaiting(restored: boolean): boolean {
    for (const state of ["DELAYED", "QUEUED"] as const) {
      const behind = gate.walked.get(state) ?? "";
      const waiting = [...zone.jobs.values()].filter((job) => job.state === state && job.id > behind);
      const some = waiting.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, step);
      for (const job of some) {
        zones.holdAsZone(zone, job);
        if (restored && job.line === "changes") zones.holdBy(zone, job.spec.endpoint, restoreHold);
      }
      const last = some.at(-1);
      if (!last) continue;
      gate.walked.set(state, last.id);
      return true;
    }
    return false;
  }

  function check(history: string): void {
    if (history !== zone.identity()) throw new StoreError("STORE_RECONCILING", "another history was told");
  }

  return {
    async reconcile(_zone, remembered?: Remembered): Promise<GateState> {
      const now = zone.now();
      const { roster = "", workers } = remembered ?? {};
      const [, history, seen] = /^(.*) (\d+)$/.exec(roster) ?? [];
      if (history !== undefined && history !== zone.identity() && !workers) return { state: "ROSTER" };
      if (gate.id === zone.identity()) {
        if (history === zone.identity()) {
          for (const [name, number] of gate.unseen) if (number <= Number(seen)) gate.unseen.delete(name);
        }
        for (const name of (workers ?? []).filter(isUnknown)) close(name);
        if (gate.markMs === undefined || now - gate.markMs >= markMs || now < gate.markMs) gate.markMs = now;
        return open("OPEN", roster);
      }
      const opened = (): GateState => {
        Object.assign(gate, { id: zone.identity(), markMs: now });
        delete gate.for;
        gate.walked.clear();
        gate.unknown.clear();
        return open("OPENED", roster);
      };
      if (gate.id === undefined && gate.for === undefined && !remembered) return opened();
      begin(zone);
      for (const name of (workers ?? []).filter(isUnknown)) gate.unknown.add(name);
      const markMsKnown = gate.markMs ?? 0;
      const waited = now - (gate.sinceMs ?? now);
      const concerned = [...zone.workers.values()].filter(
        (one) =>
          one.birthMs < (gate.sinceMs ?? now) &&
          (one.state !== "dead" || one.missing || (one.deadMs ?? 0) >= markMsKnown - marginMs),
      );
      const silent = [...concerned.map(nameOf), ...gate.unknown].filter((name) => !gate.replayed.has(name));
      if (waited < patienceMs) {
        if (silent.length > 0 || waited < shortestMs) return { state: "SHUT", missing: silent };
      }
      for (const name of silent) {
        close(name);
        const worker = zone.workers.get(name);
        if (worker) worker.missing = true;
      }
      const owners = new Set([...zone.devices.values()].map(({ owner }) => owner));
      const missing = silent.filter((name) => owners.has(name));
      if (missing.length > 0) return { state: "LOST", missing };
      const restored = gate.id !== undefined && markMsKnown > 0 && (gate.sinceMs ?? now) - markMsKnown > restoredMs;
      if ((restored || gate.closed.size > 0) && holdWaiting(restored)) return { state: "SHUT", missing: [] };
      return opened();
    },
    lift: async (_zone, reason) => lift(reason),
    async replay(_zone, facts) {
      if (gate.id !== zone.identity()) begin(zone);
      return facts.filter(replay).length;
    },
    async settle({ name }, history, live) {
      check(history);
      const goesOn = (job: string, fence?: string): boolean =>
        live.some((one) => one.job === job && one.fence === fence);
      const devices = zones.byScore(
        zone.devices.values(),
        () => 0,
        ({ endpoint }) => endpoint,
      );
      for (const device of devices) {
        if (device.owner !== name || device.run === undefined || goesOn(device.run, device.fence)) continue;
        const job = zone.jobs.get(device.run);
        delete device.run;
        if (job) lose(zone, job);
        zones.place(zone, device.endpoint);
      }
      const worker = zone.workers.get(name);
      if (worker) delete worker.claim;
      return live.flatMap(({ job, fence }) => {
        const endpoint = zone.jobs.get(job)?.spec.endpoint;
        const device = endpoint === undefined ? undefined : zones.deviceAt(zone, endpoint);
        return device?.owner === name && device.run === job && device.fence === fence ? [] : [job];
      });
    },
    async noted({ name }, newcomers) {
      if (!gate.witnesses.has(name)) return;
      for (const newcomer of newcomers) {
        gate.newcomers.delete(newcomer);
        const its = zone.workers.get(newcomer);
        if (its && its.state !== "dead") gate.witnesses.add(newcomer);
      }
    },
    async replayed({ name }, history, journals, newcomers = []) {
      check(history);
      const shut = gate.id !== zone.identity();
      if (shut) begin(zone);
      const heard = shut || journals.some((journal) => gate.closed.has(workerHold(journal)));
      const { regs = Infinity, anew = 0 } = gate;
      for (const newcomer of heard ? newcomers : []) {
        if (newcomer.number <= regs || newcomer.number > anew || !isUnknown(newcomer.name)) continue;
        if (shut) gate.unknown.add(newcomer.name);
        else close(newcomer.name);
      }
      for (const journal of journals) {
        gate.replayed.add(journal);
        if (journal !== name) gate.witnesses.delete(journal);
        lift(workerHold(journal));
      }
      const worker = zone.workers.get(name);
      if (!worker) return;
      worker.settled = zone.identity();
      delete worker.missing;
    },
  };
}

function nameOf({ identity }: zones.ModelWorker): string {
  return identity.name;
}
