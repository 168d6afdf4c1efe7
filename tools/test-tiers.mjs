/** Runs the tests' tiers one after the other, and sums up. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { innerEnv, nodePath, root } from "./bootstrap.mjs";

/** Of Kubernetes, as the tests' clusters have them: from the oldest to the newest. */
const releases = () =>
  Object.keys(JSON.parse(readFileSync(join(root, "test/go/kube-programs/releases.json"), "utf8")).releases);

/** All tiers, those with a cluster on the newest Kubernetes; and on the oldest one what has a cluster. */
export function allRuns() {
  const oldest = releases().at(0);
  const kubernetes = releases().at(-1);
  return [
    ...["unit", "kernel", "e2e", "nested"].map((tier) => ({ tier })),
    ...["api", "cluster", "slow"].map((tier) => ({ tier, kubernetes })),
    ...["api", "cluster"].map((tier) => ({ tier, kubernetes: oldest })),
    { tier: "slow", kubernetes: oldest, files: "test/slow/cluster-" },
  ];
}

const nameOf = ({ tier, kubernetes }) => (kubernetes === undefined ? tier : `${tier} (Kubernetes ${kubernetes})`);

function runTier({ tier, kubernetes, files }, args) {
  console.log(`\n== tier ${nameOf({ tier, kubernetes })}`);
  const directory = mkdtempSync(join(tmpdir(), "netbind-tests-"));
  const file = join(directory, "results.json");
  try {
    const vitest = [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--project",
      tier,
      "--reporter=verbose",
      "--reporter=json",
      `--outputFile.json=${file}`,
      ...(files === undefined ? [] : [files]),
      ...args,
    ];
    const release = kubernetes === undefined ? {} : { NETBIND_KUBERNETES: kubernetes };
    const { status } = spawnSync(nodePath(), vitest, {
      cwd: root,
      // What is published is what is tested: the command was bundled just before.
      env: { ...innerEnv(), NO_COLOR: "1", NETBIND_TESTED: "bundle", ...release },
      stdio: "inherit",
    });
    return { status, results: JSON.parse(readFileSync(file, "utf8")) };
  } catch (error) {
    console.error(`tier ${nameOf({ tier, kubernetes })} gave no results: ${error.message}`);
    return { status: 1, results: { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0 } };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs tiers and prints the sum. Gives the exit code: a tier without a test has failed too. */
export function runTests(runs, args) {
  const outcomes = runs.map((run) => ({ name: nameOf(run), ...runTier(run, args) }));
  const sum = (name) => outcomes.reduce((total, { results }) => total + (results[name] ?? 0), 0);
  const broken = outcomes.filter(({ status, results }) => status !== 0 || results.numPassedTests === 0);
  console.log(
    `\ntiers: ${outcomes.map(({ name, status }) => `${name} ${status === 0 ? "passed" : "failed"}`).join(", ")}`,
  );
  console.log(`${sum("numPassedTests")} passed, ${sum("numFailedTests")} failed, ${sum("numPendingTests")} skipped`);
  return broken.length > 0 && args.length === 0 ? 1 : Math.max(...outcomes.map(({ status }) => status ?? 1));
}
