import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type Queue, QueueSchema, type QueueService } from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { invalidRequest, problem } from "../../errors.js";
import type { PauseRecord, QueueRecord, QueueTarget, Store } from "../../store/store.js";
import { principalKey } from "../calls/call-context.js";
import { defaultZone } from "../../domain/work-place.js";
import { stopMessage } from "../policies/policy-view.js";

const linePrefix = "device/";

/** Lines of work: a device's own, and named queues. */
export function createQueueService(parts: {
  readonly store: Pick<Store, "queues" | "devices" | "zones" | "policies">;
  readonly clock: Clock;
}): ServiceImpl<typeof QueueService> {
  const { store, clock } = parts;
  const { queues } = store;

  async function target(name: string, zone: string): Promise<QueueTarget> {
    if (!name.startsWith(linePrefix)) return { zone: await known(zone), queue: name };
    const device = await store.devices.get(name.slice(linePrefix.length));
    if (!device) throw problem("QUEUE_NOT_FOUND", `no queue ${name}: there is no such device`);
    return { zone: device.zone, device: device.name, endpoint: device.endpoint };
  }

  /** The zone that a limit or a named queue is meant in. What is said of one that there is not holds for nothing. */
  async function known(zone: string): Promise<string> {
    const where = zone || defaultZone;
    if ((await store.zones()).has(where)) return where;
    throw invalidRequest({ field: "zone", description: `no zone ${where}: no worker and no device is in it` });
  }

  /** A queue that jobs or a pause have been in. Another may be paused before its first job, but there is nothing to resume. */
  async function used(name: string, zone: string): Promise<QueueTarget> {
    const line = await target(name, zone);
    if ("device" in line || (await queues.named(line.zone)).includes(line.queue)) return line;
    throw problem("QUEUE_NOT_FOUND", `no queue ${name} in zone ${line.zone}`);
  }

  async function pause(line: QueueTarget, why: PauseRecord | undefined): Promise<{ queue: Queue }> {
    await queues.pause(line, why);
    return { queue: view(await queues.get(line)) };
  }

  async function chosen(zones: readonly string[]): Promise<readonly string[]> {
    const known = [...(await store.zones()).keys()].sort();
    return zones.length > 0 ? known.filter((zone) => zones.includes(zone)) : known;
  }

  const caller = (context: HandlerContext): string => context.values.get(principalKey).name;

  return {
    async listQueues({ zones }) {
      const found: Promise<QueueRecord>[] = [];
      for (const zone of await chosen(zones)) {
        for (const queue of await queues.named(zone)) found.push(queues.get({ zone, queue }));
      }
      const [lines, stop] = await Promise.all([Promise.all(found), store.policies.stopped()]);
      return { queues: lines.map(view), ...(stop && { changeStop: stopMessage(stop) }) };
    },
    getQueue: async ({ name, zone }) => ({ queue: view(await queues.get(await used(name, zone))) }),
    pauseQueue: async ({ name, zone, reason }, context) =>
      pause(await target(name, zone), { caller: caller(context), reason, timeMs: clock.now() }),
    resumeQueue: async ({ name, zone }) => pause(await used(name, zone), undefined),
    async listLimits({ zones }) {
      const limits = [];
      for (const zone of await chosen(zones)) {
        for (const [name, maxRunning] of [...(await queues.limits(zone))].sort()) {
          limits.push({ zone, name, maxRunning });
        }
      }
      return { limits };
    },
    async setLimit({ name, zone, maxRunning }) {
      const where = await known(zone);
      await queues.setLimit(where, name, maxRunning === 0 ? undefined : maxRunning);
      return { limit: { zone: where, name, maxRunning } };
    },
  };
}

function view(queue: QueueRecord): Queue {
  const { zone, name, waiting, running, oldestMs, paused, limit, rates } = queue;
  return create(QueueSchema, {
    zone,
    name,
    waiting,
    running,
    ...(oldestMs !== undefined && { oldestTime: timestampFromMs(oldestMs) }),
    ...(paused && {
      pause: { caller: paused.caller, reason: paused.reason, time: timestampFromMs(paused.timeMs) },
    }),
    limit: limit ?? 0,
    ...rates,
  });
}
