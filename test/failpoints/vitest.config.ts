import { defineConfig } from "vitest/config";
import shared from "../../vitest.config.js";

// These start some seventy processes and wait for leases of 15 s: beside other tests they would keep each other waiting.
export default defineConfig({
  ...shared,
  test: { ...shared.test, include: ["test/failpoints/*.points.ts"] },
});
