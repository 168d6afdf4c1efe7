import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { allRuns } from "../../../tools/test-tiers.mjs";
import { defaultRelease, KUBERNETES_RELEASES } from "../../support/cluster/kubernetes.ts";

test("what has a cluster runs on the oldest and on the newest Kubernetes, and everything else once", () => {
  const runs = allRuns();
  const ends = [KUBERNETES_RELEASES.at(-1), KUBERNETES_RELEASES[0]];
  const releasesOf = (tier: string): readonly unknown[] =>
    runs.filter((run) => run.tier === tier).map(({ kubernetes }) => kubernetes);
  for (const tier of ["api", "cluster", "slow"]) expect(releasesOf(tier)).toEqual(ends);
  for (const tier of ["unit", "kernel", "e2e", "nested"]) expect(releasesOf(tier)).toEqual([undefined]);
});

test("releases are listed from the oldest to the newest", () => {
  const minors = KUBERNETES_RELEASES.map((release) => Number(release.split(".")[1]));
  expect(minors).toEqual(minors.toSorted((a, b) => a - b));
});

test("the chart is for the oldest one, and newer ones", () => {
  const chart = readFileSync(new URL("../../../charts/netbind/Chart.yaml", import.meta.url), "utf8");
  expect(/^kubeVersion: "(.*)"$/m.exec(chart)?.[1]).toBe(`>=${KUBERNETES_RELEASES[0]}.0-0`);
});

test("tests run on the release that the environment names", () => {
  expect(defaultRelease({ NETBIND_KUBERNETES: "1.31" })).toBe("1.31");
  expect(defaultRelease({ NETBIND_KUBERNETES: "" })).toBe("1.34");
  expect(() => defaultRelease({ NETBIND_KUBERNETES: "1.2" })).toThrow(
    'NETBIND_KUBERNETES is "1.2": set it to one of 1.31, 1.34, 1.37',
  );
});
