import { DelayedError, Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { noResult } from "../lib/jobs.mjs";

/** As ours: three attempts, everything kept. */
const jobOptions = { removeOnComplete: false, removeOnFail: false, attempts: 3 };
const result = JSON.parse(noResult);
const busyPauseMs = 50;

const connectionTo = (server) => ({ path: server.path, maxRetriesPerRequest: null });
const itemOf = ({ text }) => ({ name: "commands", data: JSON.parse(text), opts: jobOptions });

function start(workers, completed, failed) {
  for (const worker of workers) {
    worker.on("completed", (job) => completed(job.data));
    worker.on("error", failed);
    worker.on("failed", (_job, error) => failed(error));
    worker.run().catch(failed);
  }
}

async function countsOf(queues) {
  let all = 0;
  let done = 0;
  for (const counts of await Promise.all(queues.map((queue) => queue.getJobCounts()))) {
    all += Object.values(counts).reduce((sum, count) => sum + count, 0);
    done += counts.completed;
  }
  return { all, done };
}

/**
 * BullMQ as its guide sets it up: one queue, one worker, events on. Without auto pipelining, with which it was slower.
 * `lock`: at most one job of a device at a time, by a key per device; a job that finds it taken is put off.
 */
export async function openBullmq({ server }, { lock = false } = {}) {
  const queue = new Queue("bench", { connection: connectionTo(server) });
  await queue.waitUntilReady();
  const locks = lock ? new Redis(connectionTo(server)) : undefined;
  let busy = 0;

  async function consume({ concurrency, work, started, finished }) {
    const run = async (data) => {
      started(data);
      if (work) await work(data);
      finished(data);
    };
    const exclusively = async (job, token) => {
      const key = `bench:lock:${job.data.device}`;
      if ((await locks.set(key, token, "PX", 30_000, "NX")) === null) {
        busy += 1;
        await job.moveToDelayed(Date.now() + busyPauseMs, token);
        throw new DelayedError();
      }
      await run(job.data);
      await locks.del(key);
    };
    const worker = new Worker(
      "bench",
      async (job, token) => {
        await (locks ? exclusively(job, token) : run(job.data));
        return result;
      },
      { connection: connectionTo(server), concurrency, autorun: false },
    );
    await worker.waitUntilReady();
    return { start: (completed, failed) => start([worker], completed, failed), stop: () => worker.close() };
  }

  return {
    enqueue: (job) => {
      const { name, data, opts } = itemOf(job);
      return queue.add(name, data, opts);
    },
    enqueueMany: (jobs) => queue.addBulk(jobs.map(itemOf)),
    consume,
    counts: () => countsOf([queue]),
    numbers: () => (lock ? { "starts put off": busy } : {}),
    async close() {
      locks?.disconnect();
      await queue.close();
    },
  };
}

/** BullMQ's other way to one job per device at a time: a queue and a worker of concurrency 1 for each device. */
export async function openBullmqPerDevice({ server }, { devices }) {
  const shared = new Redis(connectionTo(server));
  shared.setMaxListeners(0);
  const name = (number) => `bench-${number}`;
  const queues = Array.from({ length: devices }, (_, number) => new Queue(name(number), { connection: shared }));
  await Promise.all(queues.map((queue) => queue.waitUntilReady()));
  return {
    async enqueueMany(jobs) {
      await Promise.all(
        jobs.map((job) => {
          const { name: kind, data, opts } = itemOf(job);
          return queues[job.number].add(kind, data, opts);
        }),
      );
    },
    async consume({ work, started, finished }) {
      const perform = async ({ data }) => {
        started(data);
        if (work) await work(data);
        finished(data);
        return result;
      };
      const workers = queues.map(
        (queue) => new Worker(queue.name, perform, { connection: shared, concurrency: 1, autorun: false }),
      );
      await Promise.all(workers.map((worker) => worker.waitUntilReady()));
      return {
        start: (completed, failed) => start(workers, completed, failed),
        stop: async () => void (await Promise.all(workers.map((worker) => worker.close()))),
      };
    },
    counts: () => countsOf(queues),
    remarks: () => [`${devices} queues, workers and blocking connections`],
    async close() {
      await Promise.all(queues.map((queue) => queue.close()));
      shared.disconnect();
    },
  };
}
