import { createJob, createJobs } from "../lib/jobs.mjs";
import { createLedger } from "../lib/ledger.mjs";
import { percentile } from "../lib/statistics.mjs";
import { fillUp, measureWindow } from "../lib/window.mjs";

const pages = 100;

/** A closed circle that keeps the depth: each job that ends brings another for its device. */
async function circle(bench, side, depth, devices, from) {
  const ledger = createLedger({ exclusive: true });
  let seq = from;
  const again = ({ device }) => side.enqueue(createJob(seq++, device));
  const window = { concurrency: 50, batch: 50, warm: 500, count: bench.size([4_000, 15_000]), again };
  const { rate, scriptMicros, cpuMicros } = await measureWindow(side, bench.server, ledger, window);
  return { seq, broken: ledger.broken(), numbers: { rate, scriptMicros, cpuMicros } };
}

/** Pages of 100: of all jobs, and of those that wait; ms at the median. */
async function listPages({ store }) {
  const numbers = {};
  for (const [name, query] of [
    ["page", {}],
    ["waiting page", { states: ["QUEUED"] }],
  ]) {
    const times = [];
    let before;
    for (let i = 0; i < pages; i++) {
      const begin = performance.now();
      const { jobs, next } = await store.jobs.list(query, { limit: 100, ...(before === undefined ? {} : { before }) });
      times.push(performance.now() - begin);
      if (jobs.length !== 100) throw new Error(`a page had ${jobs.length} jobs`);
      // A small store has few pages: begin again.
      before = i % 8 === 7 ? undefined : next;
    }
    numbers[`${name} ms`] = percentile(times, 0.5);
  }
  return numbers;
}

/** A million queued jobs over 100,000 devices against 1,000 over 100: rate of the whole circle, and list pages. */
export const crowdScenarios = [
  {
    name: "crowd",
    title: "Enqueue + claim + complete, 50 at a time, and list pages of 100, with much queued and with little",
    unit: "jobs/s",
    ownOnly: true,
    async run(bench) {
      const devices = bench.size([10_000, 100_000]);
      const sizes = { little: { depth: 1_000, devices: 100 }, much: { depth: devices * 10, devices } };
      const results = new Map(
        ["little", "much"].map((name) => [name, { numbers: {}, broken: new Set(), remarks: new Set() }]),
      );
      // Little, much, much, little; what was filled for the first of "much" serves the second too.
      for (const name of ["little", "much", "little"]) {
        const { depth, devices: over } = sizes[name];
        const side = await bench.open("pointsman");
        const empty = await bench.server.memory();
        for (let i = 0; i < depth; i += 50_000) {
          await fillUp(side, createJobs(Math.min(50_000, depth - i), over, { from: i }));
        }
        const result = results.get(name);
        result.remarks.add(`${depth.toLocaleString("en")} jobs over ${over.toLocaleString("en")} devices`);
        const memory = ((await bench.server.memory()) - empty) / depth;
        let from = depth;
        for (let times = name === "much" ? 2 : 1; times > 0; times--) {
          const lists = await listPages(side);
          const { numbers, broken, seq } = await circle(bench, side, depth, over, from);
          from = seq;
          for (const [key, value] of Object.entries({ ...numbers, ...lists, "bytes per job": memory })) {
            (result.numbers[key] ??= []).push(value);
          }
          for (const what of broken) result.broken.add(what);
        }
        if ((await side.counts()).all !== from) result.broken.add(`jobs accepted: not ${from}`);
        await side.close();
      }
      return results;
    },
  },
];

/**
 * Devices behind one full limit must not slow the claims of the others. A store that holds as much costs more by itself:
 * behind "no limit" the same jobs wait for the same devices, and for nothing but that others come first.
 */
export const limitScenarios = [
  {
    name: "full-limit",
    title: "A claim while many devices wait behind one full limit, and while none do",
    unit: "µs of Redis per claimed job",
    main: "scriptMicros",
    lowerIsBetter: true,
    ownOnly: true,
    run: (bench) =>
      bench.inTurn(["free", "behind no limit", "behind a limit"], async (which) => {
        const side = await bench.open("pointsman");
        const crowd = which === "free" ? 0 : bench.size([10_000, 100_000]);
        const queue = "crowd";
        const crowded = which === "behind a limit" ? { queue } : { priority: -1_000 };
        const worker = await side.register(1);
        const broken = [];
        let requests = 0;
        const claim = (limit) => side.store.leases.claim(worker, limit, `claim-${requests++}`);
        await side.store.queues.setLimit("default", `queue/${queue}`, 1);
        const free = bench.size([2_000, 10_000]);
        if (crowd > 0) {
          await side.enqueue({ ...createJob(0, 0), queue });
          if ((await claim(1)).claims.length !== 1) broken.push("the limit's one permit was not given");
          await fillUp(
            side,
            createJobs(crowd, crowd + 1, { from: 1 }).map((job) => ({ ...job, ...crowded })),
          );
        }
        await fillUp(
          side,
          createJobs(free, free).map(({ seq }) => createJob(crowd + 1 + seq, 200_000 + seq)),
        );
        const before = await bench.server.snapshot();
        let taken = 0;
        while (taken < free) {
          const { claims } = await claim(20);
          if (claims.length === 0) break;
          if (claims.some(({ job }) => job.queue === queue || job.priority < 0))
            broken.push("a job of the crowd was claimed");
          taken += claims.length;
        }
        if (taken !== free) broken.push(`${taken} of ${free} free jobs were claimed`);
        const { scriptMicros, commands } = bench.cost(before, await bench.server.snapshot(), taken);
        await side.close();
        return {
          numbers: { scriptMicros, commands },
          broken,
          remarks: [`${crowd.toLocaleString("en")} other devices wait`],
        };
      }),
  },
];
