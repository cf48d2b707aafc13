import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.js";

export default defineConfig({
  ssr: { resolve: { conditions: ["pointsman-source", "node", "import", "default"] } },
  resolve: { conditions: ["pointsman-source", "node", "import", "default"] },
  test: {
    include: ["test/**/*.test.ts"],
    // No measure of speed: what hangs is ended, and a busy machine may take its time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // No test replaces a module or changes what belongs to the process. A process for each of some two hundred files would
    // load the same modules two hundred times: a sixth of the time that all tests take together.
    isolate: false,
    // Many wait for leases of 15 s: two files at a time leave two cores idle for a third of the time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    globalSetup: ["test/support/build.ts"],
    setupFiles: ["test/support/same-histories.ts"],
  },
});
