import { defineConfig } from "vitest/config";

const conditions = ["@netbind/source", "module", "node", "development|production"];
/** Tests that use the machine's kernel or start guests: one after the other, each with time. */
const alone = { pool: "forks", fileParallelism: false, maxWorkers: 1, testTimeout: 180_000, hookTimeout: 300_000 } as const;

/** Prints what real guests proved of each binding. */
const matrix = ["test/support/cases/matrix-setup.ts"];

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    // Control groups are the machine's, and only a nested machine is the tests' own.
    env: { NETBIND_CGROUP: "none" },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "plugins/*/src/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { extends: true, test: { name: "kernel", include: ["test/kernel/**/*.test.ts"], ...alone } },
      { extends: true, test: { name: "e2e", include: ["test/e2e/**/*.test.ts"], globalSetup: matrix, ...alone } },
      {
        extends: true,
        test: {
          name: "nested",
          include: ["test/nested/**/*.test.ts"],
          globalSetup: matrix,
          ...alone,
          testTimeout: 2_700_000,
          hookTimeout: 900_000,
        },
      },
      { extends: true, test: { name: "slow", include: ["test/slow/**/*.test.ts"], globalSetup: matrix, ...alone } },
    ],
  },
});
