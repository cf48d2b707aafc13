import { costPerJob } from "./server.mjs";

/**
 * Starts a consumer on what is queued and measures from the completion of job `warm` to that of job `warm + count`: no
 * start-up and no tail. `again` is called for each job that ended, for instance to enqueue another.
 */
export async function measureWindow(side, server, ledger, { concurrency, batch, work, warm, count, again }) {
  const consumer = await side.consume({ concurrency, batch, work, started: ledger.started, finished: ledger.finished });
  const extra = [];
  let done = 0;
  let begin;
  let before;
  let client;
  const measured = await new Promise((resolve, reject) => {
    const completed = (job) => {
      done += 1;
      if (done === warm) {
        begin = performance.now();
        before = server.snapshot();
        client = clientClock();
      } else if (done === warm + count) {
        resolve({ seconds: (performance.now() - begin) / 1_000, after: server.snapshot(), micros: client() });
      }
      const more = done <= warm + count ? again?.(job) : undefined;
      if (more) extra.push(more.catch(reject));
    };
    consumer.start(completed, reject);
  });
  const cost = costPerJob(await before, await measured.after, count);
  await consumer.stop();
  await Promise.all(extra);
  return { rate: count / measured.seconds, ...cost, clientMicros: measured.micros / count };
}

/** Gives the processor time that this process takes from now on, in microseconds. */
function clientClock() {
  const from = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(from);
    return user + system;
  };
}

/** Calls `enqueue` for all jobs, `concurrency` at a time, and says how fast that went and what it cost. */
export async function measureEnqueue(side, server, jobs, concurrency) {
  const before = await server.snapshot();
  const begin = performance.now();
  const client = clientClock();
  let next = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < jobs.length) await side.enqueue(jobs[next++]);
    }),
  );
  const seconds = (performance.now() - begin) / 1_000;
  const clientMicros = client() / jobs.length;
  return { rate: jobs.length / seconds, ...costPerJob(before, await server.snapshot(), jobs.length), clientMicros };
}

/** Enqueues in calls of `size` jobs. */
export async function fillUp(side, jobs, size = 500) {
  for (let i = 0; i < jobs.length; i += size) await side.enqueueMany(jobs.slice(i, i + size));
}
