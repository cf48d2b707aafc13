import type { WorkerControl } from "../domain/worker-control.js";
import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type Scripts, text } from "./scripts.js";
import type { RunningAttempt, RunningJob, SessionFacts, SessionUse, WorkerRecord, WorkerStore } from "./store.js";
import type { Zones } from "./zones.js";

/** Workers, as their beats describe them. */
export function createWorkerStore(redis: StoreConnection, scripts: Scripts, keys: KeySpace, zones: Zones): WorkerStore {
  async function inZone(zone: string): Promise<WorkerRecord[]> {
    const root = keys.zone(zone);
    const names = await redis.smembers(keyOf(root, "workers"));
    const found = await Promise.all(
      names.map(async (name) => {
        const [facts, devices, skills] = await Promise.all([
          redis.hgetall(keyOf(root, "worker", name)),
          redis.scard(keyOf(root, "owned", name)),
          redis.smembers(keyOf(root, "skills", name)),
        ]);
        return facts["st"] === undefined ? undefined : { ...read(zone, name, facts, devices), skills: skills.sort() };
      }),
    );
    return found.filter((worker) => worker !== undefined);
  }

  return {
    async list(wanted) {
      const known = [...(await zones.all()).keys()];
      const chosen = wanted?.length ? known.filter((zone) => wanted.includes(zone)) : known;
      const workers = (await Promise.all(chosen.map(inZone))).flat();
      return workers.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    },
    endpoints: (zone, worker, limit) => redis.srandmember(keyOf(keys.zone(zone), "owned", worker), limit),
    async ownerOf(zone, endpoint) {
      return (await redis.hget(keyOf(keys.zone(zone), "ep", endpoint), "own")) ?? undefined;
    },
    async control(zone, worker, control) {
      const order = control === undefined ? ["RESUME", ""] : [control.kind, JSON.stringify(control)];
      const reply = list(await scripts.run("control_worker", keys.zone(zone), worker, ...order));
      const [answer, ...rest] = reply.map((part) => text(part));
      if (answer !== "OK") return { answer: answer as "NONE" | "STOPPING" };
      return { answer, running: attemptsOf(rest) };
    },
    async sessions(zone, worker) {
      const root = keys.zone(zone);
      const [facts, uses] = await Promise.all([
        redis.hgetall(keyOf(root, "sessions", worker)),
        redis.hgetall(keyOf(root, "session-use", worker)),
      ]);
      return Object.entries(facts)
        .flatMap(([number, told]) => {
          const use = uses[number];
          if (use === undefined) return [];
          return [
            { number: Number(number), ...(JSON.parse(told) as SessionFacts), ...(JSON.parse(use) as SessionUse) },
          ];
        })
        .sort((one, other) => one.number - other.number);
    },
    async stillOpen(zone, worker, numbers) {
      if (numbers.length === 0) return [];
      const uses = await redis.hmget(keyOf(keys.zone(zone), "session-use", worker), ...numbers.map(String));
      return numbers.filter((_, index) => typeof uses[index] === "string");
    },
    async closeSessions(zone, worker, how, sessions) {
      const places = sessions.flatMap(({ number = "", endpoint }) => [number, endpoint]);
      const reply = list(await scripts.run("close_sessions", keys.zone(zone), worker, how, ...places));
      const [answer, ...rest] = reply.map((part) => text(part));
      if (answer !== "OK" && answer !== "BUSY") return { answer: "NONE" };
      return { answer, running: attemptsOf(rest) };
    },
  };
}

/** Job, attempt and endpoint in turn. */
function attemptsOf(parts: readonly string[]): RunningAttempt[] {
  const running: RunningAttempt[] = [];
  for (let i = 0; i + 2 < parts.length; i += 3) {
    running.push({ job: parts[i] ?? "", attempt: Number(parts[i + 1]), endpoint: parts[i + 2] ?? "" });
  }
  return running;
}

function read(
  zone: string,
  name: string,
  facts: Readonly<Record<string, string>>,
  devices: number,
): Omit<WorkerRecord, "skills"> {
  const number = (field: string): number => Number(facts[field] ?? 0);
  const optional = <K extends string, T>(key: K, field: string, read: (text: string) => T): { [P in K]?: T } =>
    (facts[field] === undefined ? {} : { [key]: read(facts[field]) }) as { [P in K]?: T };
  const json = JSON.parse as <T>(text: string) => T;
  return {
    name,
    zone,
    pid: number("pid"),
    hostname: facts["host"] ?? "",
    node: facts["node"] ?? facts["host"] ?? "",
    version: facts["ver"] ?? "",
    birthMs: number("born"),
    beatMs: number("bt"),
    beat: number("beat"),
    state: (facts["st"] ?? "dead") as WorkerRecord["state"],
    capacity: number("cap"),
    running: number("run"),
    sessions: number("ses"),
    succeeded: number("good"),
    failed: number("bad"),
    devices,
    ...optional("labels", "labels", (text) => json<Record<string, string>>(text)),
    ...optional("deadMs", "dead", Number),
    ...optional("control", "ctl", (text) => json<WorkerControl>(text)),
    ...optional("loopDelayMs", "lag", Number),
    ...optional("claimAgeMs", "cage", Number),
    ...optional("untold", "mute", String),
    ...optional("jobs", "jobs", (text) => json<RunningJob[]>(text)),
  };
}
