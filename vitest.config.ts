import { defineConfig } from "vitest/config";
import { WaitsFirst } from "./test/support/waits-first.ts";

const conditions = ["@netbind/source", "module", "node", "development|production"];
/** Tests that use the machine's kernel or start guests: each with time. */
const onMachine = { pool: "forks", testTimeout: 180_000, hookTimeout: 300_000 } as const;
/** Two files at once, since much of their time is waiting: each file has state, namespaces and users of its own. */
const inPairs = { ...onMachine, fileParallelism: true, maxWorkers: 2 } as const;
/** As many as wait for one another's time, where a test's own part is small beside what it waits for. */
const inThrees = { ...inPairs, maxWorkers: 3 } as const;
/** One file after the other: what is measured, or takes the machine for itself. */
const alone = { ...onMachine, fileParallelism: false, maxWorkers: 1 } as const;

/** Prints what real guests proved of each binding. */
const matrix = ["test/support/cases/matrix-setup.ts"];

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    // Control groups are the machine's, and only a nested machine is the tests' own.
    env: { NETBIND_CGROUP: "none" },
    sequence: { sequencer: WaitsFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "plugins/*/src/**/*.test.ts"],
          // One a processor: much of the tests is waiting, and Vitest leaves one processor free.
          maxWorkers: "100%",
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { extends: true, test: { name: "kernel", include: ["test/kernel/**/*.test.ts"], ...inThrees } },
      {
        extends: true,
        test: {
          name: "api",
          include: ["test/api/**/*.test.ts"],
          globalSetup: ["test/support/cluster/api-setup.ts"],
          setupFiles: ["test/support/cluster/api-worker-setup.ts"],
          ...inThrees,
        },
      },
      { extends: true, test: { name: "e2e", include: ["test/e2e/**/*.test.ts"], globalSetup: matrix, ...inPairs } },
      { extends: true, test: { name: "cluster", include: ["test/cluster/**/*.test.ts"], ...alone } },
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
