import { crowdScenarios, limitScenarios } from "./crowd.mjs";
import { deviceScenarios } from "./devices.mjs";
import { enqueueScenarios } from "./enqueue.mjs";
import { groupExchangeScenarios } from "./group-exchange.mjs";
import { heldScenarios } from "./held-sessions.mjs";
import { latencyScenarios } from "./latency.mjs";
import { memoryScenarios } from "./memory.mjs";
import { processScenarios } from "./process.mjs";
import { recoveryScenarios } from "./recovery.mjs";
import { rqScenarios } from "./rq.mjs";
import { showScenarios } from "./show.mjs";
import { sshScenarios } from "./ssh.mjs";
import { watchScenarios } from "./watches.mjs";

/**
 * All scenarios in the order they run. Each has a name, a title, what its main number is (`unit`, `main`), whether it
 * is left out of quick runs (`full`), whether it has to do with Redis at all (`withoutStore`), and `run`, which gives numbers, breaches and remarks for each side.
 */
export const scenarios = [
  ...enqueueScenarios,
  ...processScenarios,
  ...deviceScenarios,
  ...latencyScenarios,
  ...crowdScenarios,
  ...limitScenarios,
  ...memoryScenarios,
  ...recoveryScenarios,
  ...rqScenarios,
  ...showScenarios,
  ...watchScenarios,
  ...heldScenarios,
  ...groupExchangeScenarios,
  ...sshScenarios,
];
