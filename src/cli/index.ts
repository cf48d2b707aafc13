import type { Command } from "commander";
import { registerCancel } from "./cancel.js";
import { createCommandKit } from "./command.js";
import { registerConfigure } from "./configure.js";
import { registerCredentials } from "./credentials.js";
import { registerDelete } from "./delete.js";
import { registerDevices } from "./devices.js";
import { registerExec } from "./exec.js";
import { registerForgetWorker } from "./forget-worker.js";
import { registerHealth } from "./health.js";
import { registerHttp } from "./http.js";
import { processIo, type CliIo } from "./io.js";
import { registerJob } from "./job.js";
import { registerJobs } from "./jobs.js";
import { registerLimits } from "./limits.js";
import { registerOutputs } from "./outputs.js";
import { registerPlatforms } from "./platforms.js";
import { registerQueues } from "./queues.js";
import { registerResolve } from "./resolve.js";
import { registerRetry } from "./retry.js";
import { registerRuns } from "./runs.js";
import { registerSchedules } from "./schedules.js";
import { registerShell } from "./shell.js";
import { registerWatch } from "./watch.js";
import { registerWorkers } from "./workers.js";

export type { CliIo } from "./io.js";

/** Adds the operator commands to a program. `io` defaults to the process's own terminal. */
export function registerCliCommands(program: Command, io: CliIo = processIo): void {
  const kit = createCommandKit(io);
  registerExec(program, kit);
  registerConfigure(program, kit);
  registerShell(program, kit);
  registerHttp(program, kit);
  registerJobs(program, kit);
  registerRuns(program, kit);
  registerJob(program, kit);
  registerWatch(program, kit);
  registerCancel(program, kit);
  registerResolve(program, kit);
  registerRetry(program, kit);
  registerDelete(program, kit);
  registerDevices(program, kit);
  registerSchedules(program, kit);
  registerOutputs(program, kit);
  registerQueues(program, kit);
  registerLimits(program, kit);
  registerCredentials(program, kit);
  registerWorkers(program, kit);
  registerForgetWorker(program, kit);
  registerHealth(program, kit);
  registerPlatforms(program, kit);
}
