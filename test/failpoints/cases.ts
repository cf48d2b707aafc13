import { setTimeout as pause } from "node:timers/promises";
import type { Pointsman } from "@pointsman/sdk";
import { eventually } from "../support/eventually.js";
import type { TcpProxy } from "../support/tcp-proxy.js";
import { configurationOf, readOf } from "../chaos/fleet.js";
import { points, type Point } from "./points.js";
import type { Standing } from "./stand.js";

/** What befalls a worker that stands at its point. */
export const actions = ["kill -9", "long stop", "Redis cut"] as const;
export type Action = (typeof actions)[number];

/** A worker of its own, in a zone of its own, with a device of its own. */
export interface Case {
  readonly name: string;
  /** Key in the lines of its job. */
  readonly key: string;
  readonly point: Point;
  readonly action: Action;
  readonly kind: "configure" | "read";
}

/** Points that reads do not pass: they have no intent, and no journal. */
const ofChanges: ReadonlySet<Point> = new Set(["intent-stored", "intent-journaled", "done-journaled"]);

/** Every point, under every action, for both effect classes. Those first whose worker is gone: the others' stay until the end. */
export const cases: readonly Case[] = actions
  .flatMap((action) =>
    (["configure", "read"] as const).flatMap((kind) =>
      points
        .filter((point) => kind === "configure" || !ofChanges.has(point))
        .map((point) => ({ name: `${kind} ${action} ${point}`, point, action, kind })),
    ),
  )
  .map((one, n) => ({ ...one, key: `j${n}` }));

/** Past the lease, and past what a reaper waits and needs, also on a busy machine. */
const longMs = 30_000;

/** What a case has to work with. */
export interface Ground {
  readonly client: Pointsman;
  /** The ways of this case's worker. */
  readonly redis: TcpProxy;
  readonly device: TcpProxy;
  readonly worker: Standing;
}

/** Creates the job, waits until its worker stands at the point, and does to it what the case says. Gives the job's id. */
export async function strike(one: Case, { client, redis, device, worker }: Ground): Promise<string> {
  const outside = one.point === "connecting";
  if (outside) device.set({ hold: "down" });
  await worker.ready();
  const lines = configurationOf(one.key);
  const reads = [1, 2, 3].map((step) => readOf(`${one.key}s${step}`));
  const job = await client.jobs.create({
    device: deviceOf(one),
    ...(one.kind === "configure" ? { configure: { lines, acceptUnproven: true } } : { commands: reads }),
  });
  if (outside) {
    await eventually(() => {
      if (device.connections === 0) throw new Error("it does not connect");
    }, 300_000);
  } else await worker.standing();
  await act(one.action, redis, worker);
  device.set({});
  return job.id;
}

/** Does it to a process that stands. What is only stopped or cut off goes on by itself after `ms`. */
export async function act(action: Action, redis: TcpProxy, worker: Standing, ms = longMs): Promise<void> {
  switch (action) {
    case "kill -9":
      return worker.end();
    case "long stop":
      worker.signal("SIGSTOP");
      void pause(ms).then(() => {
        worker.goOn();
        worker.signal("SIGCONT");
      });
      return;
    case "Redis cut":
      redis.set({ refuse: true });
      redis.cut();
      worker.goOn();
      void pause(ms).then(() => redis.set({}));
      return;
  }
}

/** The device of a case, which is also its zone. */
export function deviceOf({ key }: Case): string {
  return `d-${key}`;
}
