import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { createJobs } from "../lib/jobs.mjs";
import { percentile } from "../lib/statistics.mjs";
import { openPointsman } from "../sides/pointsman.mjs";
import { startProcess } from "../sides/process.mjs";

const bareStreams = fileURLToPath(new URL("../sides/bare-streams.mjs", import.meta.url));
const changesPerSecond = 1_000;
/** A server takes a bounded number of streams on one connection. */
const perConnection = 500;

/** Resident bytes of a process. */
function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1_024;
}

/** Opens a watch for each id, some at a time, and resolves when all are in step. `seen` is called when a job has ended. */
async function openWatches(sdk, port, ids, seen) {
  const { JobService } = await sdk("v1.js");
  const baseUrl = `http://127.0.0.1:${port}`;
  const clients = Array.from({ length: Math.ceil(ids.length / perConnection) }, () =>
    createClient(JobService, createConnectTransport({ baseUrl, httpVersion: "2" })),
  );
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const follow = async (client, id, synced) => {
    for await (const { item } of client.watchJob({ id, skipHistory: true }, { signal: closing.signal })) {
      if (item.case === "synced") synced();
      else if (item.case === "event" && item.value.event.case === "stateChanged") seen(id);
    }
  };
  for (let i = 0; i < ids.length; i += 100) {
    await Promise.all(
      ids.slice(i, i + 100).map(
        (id) =>
          new Promise((resolve, reject) => {
            follow(clients[Math.floor(i / perConnection)], id, resolve).catch(
              (error) => closing.signal.aborted || reject(error),
            );
          }),
      ),
    );
  }
  return () => closing.abort();
}

/** What a watch costs a server, in bytes that are resident. */
async function bytesPerWatch(pid, open, count) {
  const before = residentBytes(pid);
  const close = await open();
  await sleep(1_000);
  return { bytes: (residentBytes(pid) - before) / count, close };
}

const cancel = { interruptRunning: false, caller: "bench", reason: "" };

/** Many open watches on one server: memory, changes spread over their jobs, and one change that all of them see. */
export const watchScenarios = [
  {
    name: "watches",
    title: "Open watches on one server: memory against streams that do nothing, and how soon changes are seen",
    unit: "× bare streams' memory",
    main: "memory",
    lowerIsBetter: true,
    ownOnly: true,
    rounds: 1,
    run: (bench) =>
      bench.inTurn(["pointsman-api"], async (which) => {
        const count = bench.size([500, 5_000]);
        const bare = await startProcess([bareStreams], {}, '"ready"');
        const nothing = await bytesPerWatch(
          bare.pid,
          () => openWatches(bench.sdk, bare.said.port, Array(count).fill("x"), () => undefined),
          count,
        );
        nothing.close();
        await bare.stop();

        const side = await bench.open(which, { devices: 100 });
        const { store, ...direct } = await openPointsman({ server: bench.server, dist: bench.dist });
        const jobs = await side.enqueueMany(createJobs(count + 1, 100));
        const ids = jobs.map(({ id }) => id);
        const shared = ids.pop();
        const sent = new Map();
        const waits = [];
        const see = (id) => void waits.push(performance.now() - sent.get(id));
        const own = await bytesPerWatch(side.pid, () => openWatches(bench.sdk, side.port, ids, see), count);
        const begin = performance.now();
        for (const [i, id] of ids.entries()) {
          const early = begin + (i / changesPerSecond) * 1_000 - performance.now();
          if (early > 1) await sleep(early);
          sent.set(id, performance.now());
          void store.jobs.cancel(id, cancel);
        }
        for (let tries = 0; waits.length < count && tries < 300; tries++) await sleep(100);
        own.close();

        let all = 0;
        const closeShared = await openWatches(bench.sdk, side.port, Array(count).fill(shared), () => (all += 1));
        const changed = performance.now();
        await store.jobs.cancel(shared, cancel);
        while (all < count && performance.now() - changed < 30_000) await sleep(5);
        const toAll = (performance.now() - changed) / 1_000;
        closeShared();
        const broken = [];
        if (waits.length < count) broken.push(`${count - waits.length} changes were not seen`);
        if (all < count) broken.push(`${count - all} watches did not see the change of their job`);
        await direct.close();
        await side.close();
        return {
          numbers: {
            memory: own.bytes / nothing.bytes,
            "bytes a watch": own.bytes,
            "ms at p99 until a change is seen": percentile(waits, 0.99),
            "s until one change is seen by all": toAll,
          },
          broken,
          remarks: [`${count.toLocaleString("en")} watches, ${changesPerSecond.toLocaleString("en")} changes/s`],
        };
      }),
  },
];
