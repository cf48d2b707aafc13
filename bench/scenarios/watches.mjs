import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { createJobs } from "../lib/jobs.mjs";
import { percentile } from "../lib/statistics.mjs";
import { openPointsman } from "../sides/pointsman.mjs";
import { startProcess } from "../sides/process.mjs";

const fileOf = (name) => fileURLToPath(new URL(`../sides/${name}`, import.meta.url));
const changesPerSecond = 1_000;
/** How long changes may take to be seen before they count as missed, in milliseconds. */
const patienceMs = 30_000;
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** Resident bytes of a process. */
function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1_024;
}

/** Seconds of a core that a process has used. */
function coreSeconds(pid) {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13);
  return (Number(user) + Number(system)) / 100;
}

/** Opens a watch for each id, in a process of their own, and resolves when all are in step. */
async function openWatches(port, ids) {
  const watchers = fork(fileOf("watchers.mjs"));
  const ask = async (message) => {
    watchers.send(message);
    return (await once(watchers, "message"))[0];
  };
  await ask({ open: { port, ids } });
  return {
    /** When each watch saw its job change, once all have, or when they had time enough. */
    async seen() {
      const until = now() + patienceMs;
      for (;;) {
        const { seen } = await ask({ seen: true });
        if (now() > until || seen.every((at) => at !== null)) return seen;
        await sleep(500);
      }
    },
    async close() {
      watchers.send({ close: true });
      await once(watchers, "exit");
    },
  };
}

/** What a watch costs a server, in bytes that are resident. */
async function bytesPerWatch(pid, port, ids) {
  const before = residentBytes(pid);
  const watches = await openWatches(port, ids);
  await sleep(1_000);
  return { bytes: (residentBytes(pid) - before) / ids.length, watches };
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
        const bare = await startProcess([fileOf("bare-streams.mjs")], {}, '"ready"');
        const nothing = await bytesPerWatch(bare.pid, bare.said.port, Array(count).fill("x"));
        await nothing.watches.close();
        await bare.stop();

        const side = await bench.open(which, { devices: 100 });
        const { store, ...direct } = await openPointsman({ server: bench.server, dist: bench.dist });
        const jobs = await side.enqueueMany(createJobs(count + 1, 100));
        const ids = jobs.map(({ id }) => id);
        const shared = ids.pop();
        const own = await bytesPerWatch(side.pid, side.port, ids);
        const sent = [];
        const begin = now();
        const used = coreSeconds(side.pid);
        for (const [i, id] of ids.entries()) {
          const early = begin + (i / changesPerSecond) * 1_000 - now();
          if (early > 1) await sleep(early);
          sent.push(now());
          void store.jobs.cancel(id, cancel);
        }
        const seen = await own.watches.seen();
        const busy = coreSeconds(side.pid) - used;
        const waits = seen.flatMap((at, i) => (at === null ? [] : [at - sent[i]]));
        await own.watches.close();

        const together = await openWatches(side.port, Array(count).fill(shared));
        const changed = now();
        await store.jobs.cancel(shared, cancel);
        const seenByAll = (await together.seen()).filter((at) => at !== null);
        const toAll = (Math.max(...seenByAll) - changed) / 1_000;
        await together.close();
        const broken = [];
        if (waits.length < count) broken.push(`${count - waits.length} changes were not seen`);
        if (seenByAll.length < count)
          broken.push(`${count - seenByAll.length} watches did not see the change of their job`);
        await direct.close();
        await side.close();
        return {
          numbers: {
            memory: own.bytes / nothing.bytes,
            "bytes a watch": own.bytes,
            "ms at p50 until a change is seen": percentile(waits, 0.5),
            "ms at p99 until a change is seen": percentile(waits, 0.99),
            "ms of the server's core for a change": (busy * 1_000) / count,
            "s until one change is seen by all": toAll,
          },
          broken,
          remarks: [`${count.toLocaleString("en")} watches, ${changesPerSecond.toLocaleString("en")} changes/s`],
        };
      }),
  },
];
