import { defineConfig } from "vitest/config";

export default defineConfig({
  ssr: { resolve: { conditions: ["pointsman-source", "node", "import", "default"] } },
  resolve: { conditions: ["pointsman-source", "node", "import", "default"] },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    globalSetup: ["test/support/build.ts"],
  },
});
