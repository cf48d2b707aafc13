import { percentile } from "../lib/statistics.mjs";
import { bareShow } from "./ssh.mjs";

/** One `show` on a plain device through the whole service, from the call to its result, and back to the caller. */
export const showScenarios = [
  {
    name: "api-show",
    title: "Create → result of a warm `show` through server, worker and device",
    unit: "ms at p50, one at a time",
    main: "p50",
    lowerIsBetter: true,
    run: (bench) =>
      bench.inTurn(["pointsman-api", "ssh2"], async (which) => {
        if (which === "ssh2") return { numbers: await bareShow(bench, bench.size([100, 400])) };
        const side = await bench.open(which, { fleet: 20 });
        const broken = [];
        const show = async (device) => {
          const begin = performance.now();
          const job = await side.client.jobs.run({ device, commands: ["show version"] });
          if (job.error) broken.push(`a show failed: ${job.error.reason}`);
          return performance.now() - begin;
        };
        await Promise.all(side.names.map(show));
        // First much at a time: a service that is up has run its code before.
        const count = bench.size([400, 4_000]);
        const begin = performance.now();
        let next = 0;
        await Promise.all(
          side.names.map(async (name) => {
            while (next++ < count) await show(name);
          }),
        );
        const seconds = (performance.now() - begin) / 1_000;
        const times = [];
        for (let i = 0; i < bench.size([100, 400]); i++) times.push(await show(side.names[i % side.names.length]));
        await side.close();
        const numbers = { p50: percentile(times, 0.5), "ms at p99": percentile(times, 0.99) };
        return { numbers: { ...numbers, [`jobs/s, ${side.names.length} at a time`]: count / seconds }, broken };
      }),
  },
];
