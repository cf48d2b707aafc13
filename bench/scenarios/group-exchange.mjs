import { setTimeout as sleep } from "node:timers/promises";
import { startClient, startFleet } from "../lib/clients.mjs";
import { startOldSshd } from "../sides/old-sshd.mjs";

/**
 * Devices that offer nothing but group exchange with groups of 8,192 bits are logged in to, while the same process goes on
 * with sessions to others: how late its event loop gets. Bare ssh2 tests the prime on the event loop, half a minute long,
 * so one such device has to do there.
 */
export const groupExchangeScenarios = [
  {
    name: "group-exchange",
    title: "Logins by group exchange of 8,192 bits, beside 200 sessions that run 100 commands a second",
    unit: "ms the event loop is late at p99",
    main: "p99",
    lowerIsBetter: true,
    withoutStore: true,
    rounds: 1,
    run: async (bench) => {
      const old = await startOldSshd();
      if (!old) return undefined;
      const fleet = await startFleet(bench.distDir, "simulated", 200);
      const results = await bench.inTurn(["engine", "ssh2"], async (side) => {
        const client = await startClient(side, bench.distDir);
        await client.ask("open", { devices: fleet.devices });
        const logins = side === "ssh2" ? 1 : bench.size([10, 40]);
        const measure = async (during) => {
          await client.ask("churn", { perSecond: 100 });
          await client.ask("watchLoop");
          await during();
          const late = await client.ask("loop");
          const { done, failed } = await client.ask("calm");
          return { ...late, done, failed };
        };
        const calm = await measure(() => sleep(10_000));
        const begin = performance.now();
        const busy = await measure(() => client.ask("open", { devices: old.devices(logins), atOnce: 4 }));
        const seconds = (performance.now() - begin) / 1_000;
        const { alive } = await client.ask("rest");
        await client.stop();
        const broken = [];
        if (alive !== 200 + logins) broken.push(`${200 + logins - alive} of the sessions are gone`);
        if (calm.failed + busy.failed > 0) broken.push(`${calm.failed + busy.failed} commands failed`);
        return {
          numbers: {
            p99: busy.p99,
            "ms at most": busy.max,
            "ms at p99 without such logins": calm.p99,
            "s a login": seconds / logins,
          },
          broken,
          remarks: [`${logins} logins, ${busy.done} commands meanwhile`],
        };
      });
      await fleet.stop();
      await old.stop();
      return results;
    },
  },
];
