import { setTimeout as pause } from "node:timers/promises";
import { Pointsman, timestampDate } from "@pointsman/sdk";
import { ScheduleOutcome } from "@pointsman/sdk/v1";
import type { Random } from "../../src/domain/clock.js";
import { startPrivateRedis } from "../../src/dev/private-redis.js";
import { startMember, type Member } from "../chaos/member.js";
import { freePort } from "../support/free-port.js";

/** A time whose run is not there after this long is lost. */
const settleMs = 90_000;
/** What comes no later than this is on time. */
const onTimeMs = 10_000;

/** How long the rehearsal is, and how large. */
export interface RehearsalOptions {
  readonly dir: string;
  readonly forMs: number;
  readonly schedules: number;
  readonly periodSeconds: number;
  readonly random: Random;
}

/** What was seen. */
export interface RehearsalOutcome {
  /** Times that came, of all schedules. */
  readonly times: number;
  readonly fired: number;
  /** Times with two runs, and times with none that the history does not tell of. */
  readonly twice: number;
  readonly lost: number;
  /** Times that the history tells of as missed. */
  readonly missed: number;
  readonly kills: number;
  readonly freezes: number;
  /** The latest that a time was fired. Milliseconds. */
  readonly latestMs: number;
}

/**
 * Three real servers on one Redis; again and again one of them is killed or frozen. Every schedule makes up for what it
 * missed, so each of its times has to have one run.
 */
export async function rehearseSchedules(options: RehearsalOptions): Promise<RehearsalOutcome> {
  const { dir, forMs, periodSeconds, random } = options;
  const redis = await startPrivateRedis({ dir, appendOnly: true });
  const members: Member<undefined>[] = [];
  const enough = new AbortController();
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const clients = ports.map((port) => new Pointsman({ baseUrl: `http://127.0.0.1:${port}`, timeoutMs: 120_000 }));
  try {
    for (const [n, port] of ports.entries()) {
      const env = {
        POINTSMAN_REDIS_URL: redis.socketPath,
        POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
        POINTSMAN_LOG_LEVEL: "info",
        POINTSMAN_DRAIN_SECONDS: "1",
        POINTSMAN_PORT: String(port),
      };
      members.push(startMember(`server-${n}`, ["server"], env, undefined, "server ready"));
    }
    await Promise.all(members.map((member) => member.ready()));
    const names = await enrol(clients[0]!, options);

    let kills = 0;
    let freezes = 0;
    const end = performance.now() + forMs;
    while (performance.now() < end) {
      const victim = members[Math.floor(random.number() * members.length)]!;
      if (random.number() < 0.5) {
        if (victim.kill()) kills++;
      } else if (await victim.freeze(2_000 + random.number() * 13_000, enough.signal)) freezes++;
      await pause(500 + random.number() * 2_500);
    }
    await Promise.all(members.map((member) => member.ready()));
    // Time enough to make up for what was missed.
    await pause(onTimeMs);
    const pausedMs = Date.now();
    for (const name of names) await clients[0]!.schedules.pause(name);
    const over = { periodSeconds, untilMs: pausedMs - onTimeMs };
    return { ...(await settled(() => judge(clients[0]!, names, over))), kills, freezes };
  } finally {
    enough.abort();
    clients.forEach((client) => client.close());
    await Promise.all(members.map((member) => member.stop()));
    await redis.stop();
  }
}

/** What was begun is ended first: a server that took a run and died holds it back for ten seconds, and all are busy. */
async function settled<T extends { readonly lost: number }>(look: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    const seen = await look();
    if (seen.lost === 0 || performance.now() > deadline) return seen;
    await pause(2_000);
  }
}

async function enrol(client: Pointsman, { schedules, periodSeconds }: RehearsalOptions): Promise<string[]> {
  await client.credentials.create("lab", { username: "ann", password: "pw" });
  await client.devices.create({ name: "r1", address: "192.0.2.1", platform: "cisco_ios", credential: "lab" });
  const names = Array.from({ length: schedules }, (_, n) => `s${String(n).padStart(3, "0")}`);
  for (const name of names) {
    await client.schedules.create({
      ...{ name, every: `every ${periodSeconds} seconds`, overlap: "allow", misfire: "all" },
      // Nobody works here: a job is over when its time is, or what is under way would grow without end.
      run: { devices: ["r1"], commands: ["show clock"], queueTimeoutMs: 1_000 },
    });
  }
  return names;
}

/** Looks at every time of every schedule from its creation to `untilMs`, and at the runs that there are. */
async function judge(
  client: Pointsman,
  names: readonly string[],
  { periodSeconds, untilMs }: { readonly periodSeconds: number; readonly untilMs: number },
): Promise<Omit<RehearsalOutcome, "kills" | "freezes">> {
  const total = { times: 0, fired: 0, twice: 0, lost: 0, missed: 0, latestMs: 0 };
  for (const name of names) {
    const { createTime } = await client.schedules.get(name);
    const fired = new Map<number, number>();
    let [first, last] = [Infinity, 0];
    for await (const entry of client.schedules.history(name, { pageSize: 1_000 })) {
      const time = timestampDate(entry.scheduledTime!).getTime();
      first = Math.min(first, time);
      last = Math.max(last, time);
      if (entry.outcome === ScheduleOutcome.MISSED) total.missed += entry.count;
      if (entry.outcome !== ScheduleOutcome.FIRED) continue;
      fired.set(time, (fired.get(time) ?? 0) + 1);
      total.latestMs = Math.max(total.latestMs, timestampDate(entry.entryTime!).getTime() - time);
    }
    const runs = new Map<number, number>();
    for await (const run of client.runs.list({ schedules: [name] }, { pageSize: 1_000 })) {
      const time = timestampDate(run.scheduledTime!).getTime();
      runs.set(time, (runs.get(time) ?? 0) + 1);
    }
    const periodMs = periodSeconds * 1_000;
    const created = timestampDate(createTime!).getTime();
    // Periods are counted from a moment just before the schedule was stored: from which, its first time tells.
    const before = Math.max(0, Math.round((Math.min(first, Date.now()) - created) / periodMs) - 1);
    total.times += before;
    total.lost += before;
    for (let time = first; time <= Math.max(last, untilMs); time += periodMs) {
      total.times++;
      if (fired.get(time) === 1 && runs.get(time) === 1) total.fired++;
      else if ((fired.get(time) ?? 0) > 1 || (runs.get(time) ?? 0) > 1) total.twice++;
      else total.lost++;
    }
  }
  return { ...total, lost: total.lost - total.missed };
}
