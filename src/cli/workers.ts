import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { WorkerSchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "./command.js";
import { time, workerStateName } from "./format.js";
import { table } from "./table.js";

/** `workers`: the processes that do the work. */
export function registerWorkers(program: Command, kit: CommandKit): void {
  const command = kit.command(program, "workers", "List the workers");
  kit.run<CommonOptions>(command, async ({ client, out, signal }) => {
    const workers = await client.workers.list({}, { signal });
    if (out.json) return await out.document({ workers: workers.map((worker) => toJson(WorkerSchema, worker)) });
    if (workers.length === 0) return await out.note("no worker");
    const rows = workers.map((worker) => [
      worker.name,
      workerStateName(worker.state),
      `${worker.hostname}/${worker.pid}`,
      worker.zones.join(","),
      `${worker.runningJobCount}/${worker.capacity}`,
      String(worker.deviceCount),
      String(worker.sessionCount),
      String(worker.successfulJobCount),
      String(worker.failedJobCount),
      time(worker.lastHeartbeat),
      time(worker.birthTime),
    ]);
    const heading = [
      "name",
      "state",
      "node",
      "zones",
      "running",
      "devices",
      "sessions",
      "ok",
      "failed",
      "heartbeat",
      "born",
    ];
    await out.line(table(heading, rows));
  });
}
