import { readSync, writeSync } from "node:fs";
import { assembleWorker, journalsOf, openBase } from "../../src/commands/assemble.js";
import { runUntilSignal } from "../../src/commands/run-process.js";
import { loadConfig } from "../../src/config.js";
import { createLogger } from "../../src/telemetry/logger.js";
import { createPoint, type Point } from "./points.js";

// A real worker with one point in it: there it says so on standard output, and stands still, event loop and all, until
// something comes on standard input. Argument: the point.
const config = loadConfig(undefined, process.env);
const base = await openBase(config, createLogger(config.logLevel));
const point = createPoint(process.argv[2] as Point, () => {
  writeSync(1, "reached\n");
  readSync(0, Buffer.alloc(1));
});
const worker = assembleWorker(
  { ...base, store: point.store(base.store) },
  { journals: point.journals(journalsOf(config)), connect: point.connect },
);
try {
  await runUntilSignal([worker]);
} finally {
  await base.store.close();
}
