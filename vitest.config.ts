import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "examples/*/test/**/*.test.ts", "test/**/*.test.ts"],
    setupFiles: ["./scripts/property-seed.ts"],
    reporters: ["default", "./scripts/summary-reporter.ts"],
    // Left alone, vitest leaves one of two cores idle.
    maxWorkers: 2,
    testTimeout: 30_000,
  },
})
