import { defineConfig } from "vitest/config";

/** For tests in a mutant's tree: nothing is compiled there but what the patch changes. */
export default defineConfig({
  ssr: { resolve: { conditions: ["pointsman-source", "node", "import", "default"] } },
  resolve: { conditions: ["pointsman-source", "node", "import", "default"] },
  test: { include: ["test/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 60_000, maxWorkers: 1 },
});
