/** Runs the tests' tiers one after the other, and sums up. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { innerEnv, nodePath, root } from "./bootstrap.mjs";

function runTier(tier, args) {
  console.log(`\n== tier ${tier}`);
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
      ...args,
    ];
    const { status } = spawnSync(nodePath(), vitest, {
      cwd: root,
      env: { ...innerEnv(), NO_COLOR: "1" },
      stdio: "inherit",
    });
    return { status, results: JSON.parse(readFileSync(file, "utf8")) };
  } catch (error) {
    console.error(`tier ${tier} gave no results: ${error.message}`);
    return { status: 1, results: { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0 } };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs tiers and prints the sum. Gives the exit code: a tier without a test has failed too. */
export function runTests(tiers, args) {
  const outcomes = tiers.map((tier) => ({ tier, ...runTier(tier, args) }));
  const sum = (name) => outcomes.reduce((total, { results }) => total + (results[name] ?? 0), 0);
  const broken = outcomes.filter(({ status, results }) => status !== 0 || results.numPassedTests === 0);
  console.log(
    `\ntiers: ${outcomes.map(({ tier, status }) => `${tier} ${status === 0 ? "passed" : "failed"}`).join(", ")}`,
  );
  console.log(`${sum("numPassedTests")} passed, ${sum("numFailedTests")} failed, ${sum("numPendingTests")} skipped`);
  return broken.length > 0 && args.length === 0 ? 1 : Math.max(...outcomes.map(({ status }) => status ?? 1));
}
