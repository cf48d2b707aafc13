import { createJobs } from "../lib/jobs.mjs";
import { fillUp } from "../lib/window.mjs";

/** What the service's own upkeep frees in one call. */
const chunk = 100;

/** A worker dies with a job running on each of its devices: how long until the last is free, once it is seen dead. */
export const recoveryScenarios = [
  {
    name: "recovery",
    title: "A worker dies holding many devices, each with a running job: freeing them all",
    unit: "s",
    main: "seconds",
    lowerIsBetter: true,
    ownOnly: true,
    run: (bench) =>
      bench.inTurn(["pointsman"], async () => {
        const side = await bench.open("pointsman");
        const { leases, upkeep, workers } = side.store;
        const devices = bench.size([2_000, 10_000]);
        await fillUp(side, createJobs(devices, devices));
        const claimAll = async (worker) => {
          const ids = new Set();
          for (let i = 0; ; i++) {
            const { claims } = await leases.claim(worker, 100, `claim-${i}`);
            for (const { job } of claims) ids.add(job.id);
            if (claims.length === 0) return ids;
          }
        };
        const broken = [];
        const lost = await side.register(devices);
        if ((await claimAll(lost)).size !== devices) broken.push("not every device was claimed");
        const { beat } = (await workers.list(["default"])).find(({ name }) => name === lost.name);
        const times = [];
        const begin = performance.now();
        for (let left = 1; left > 0;) {
          const start = performance.now();
          const answer = await upkeep.reap("default", lost.name, beat, chunk);
          if (!answer.buried) throw new Error("the worker was not buried");
          left = answer.left;
          times.push(performance.now() - start);
        }
        const seconds = (performance.now() - begin) / 1_000;
        const heir = await side.register(devices);
        if ((await claimAll(heir)).size !== devices) broken.push("not every job could be claimed again");
        await side.close();
        return {
          numbers: { seconds, "longest call ms": Math.max(...times) },
          broken,
          remarks: [`${devices.toLocaleString("en")} devices, ${chunk} a call`],
        };
      }),
  },
];
