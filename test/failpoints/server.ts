import { readSync, writeSync } from "node:fs";
import { assembleServer, openBase } from "../../src/commands/assemble.js";
import { runUntilSignal } from "../../src/commands/run-process.js";
import { loadConfig } from "../../src/config.js";
import { createLogger } from "../../src/telemetry/logger.js";
import { createServerPoint, type ServerPoint } from "./server-points.js";

// A real server with one point in it, as in worker.ts.
const config = loadConfig(undefined, process.env);
const base = await openBase(config, createLogger(config.logLevel));
const withPoint = createServerPoint(process.argv[2] as ServerPoint, () => {
  writeSync(1, "reached\n");
  readSync(0, Buffer.alloc(1));
});
try {
  await runUntilSignal([assembleServer({ ...base, store: withPoint(base.store) })]);
} finally {
  await base.store.close();
}
