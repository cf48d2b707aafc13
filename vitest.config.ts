import { defineConfig } from "vitest/config";

export default defineConfig({
  ssr: { resolve: { conditions: ["pointsman-source", "node", "import", "default"] } },
  resolve: { conditions: ["pointsman-source", "node", "import", "default"] },
  test: {
    include: ["test/**/*.test.ts"],
    // No measure of speed: what hangs is ended, and a busy machine may take its time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    globalSetup: ["test/support/build.ts"],
  },
});
