import { type Command, Option } from "commander";
import type { Problem } from "../store/fsck.js";
import { configOption } from "./server.js";
import { withStore } from "./with-store.js";

interface Options {
  readonly repair?: boolean;
  readonly freeLost?: boolean;
  readonly json?: boolean;
  readonly config?: string;
}

/** `pointsman fsck`: what must hold between the keys of the store. Exit status 0: it holds; 1: problems are left. */
export function registerFsck(program: Command): void {
  program
    .command("fsck")
    .description("check what the store holds, and mend it (works on Redis directly, also while the service runs)")
    .option("--repair", "mend what can be mended without a person's judgement")
    .addOption(
      new Option(
        "--free-lost",
        "as --repair, and free devices of jobs that are lost, whatever those did: look at the devices first",
      ).implies({ repair: true }),
    )
    .option("--json", "print a line of JSON for each problem")
    .addOption(configOption())
    .action(async ({ repair = false, freeLost = false, json = false, config }: Options) => {
      await withStore(config, async (store) => {
        let left = 0;
        for (const zone of (await store.zones()).keys()) {
          const report = (problem: Problem) => {
            process.stdout.write(`${json ? JSON.stringify({ zone, ...problem }) : lineOf(problem)}\n`);
          };
          const summary = await store.fsck.check(zone, { repair, freeLost, report });
          left += summary.left;
          const { found, repaired } = summary;
          process.stderr.write(`zone ${zone}: ${found} found, ${repaired} repaired, ${summary.left} left\n`);
        }
        const others = await store.fsck.checkInstallation({
          ...{ repair, freeLost },
          report: (problem) => void process.stdout.write(`${json ? JSON.stringify(problem) : lineOf(problem)}\n`),
        });
        left += others.left;
        process.stderr.write(`installation: ${others.found} found, ${others.repaired} repaired, ${others.left} left\n`);
        if (left > 0) process.exitCode = 1;
      });
    });
}

function lineOf({ invariant, key, detail, repairable, repaired }: Problem): string {
  const outcome = repaired ? "repaired" : repairable ? "repairable" : "needs a person";
  return `${invariant}  ${key}  ${detail} (${outcome})`;
}
