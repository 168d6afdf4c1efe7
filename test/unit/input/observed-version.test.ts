/** Whose rules are asked: those of the version on the command line, of the cluster's, or of the newest. */
import { expect, test } from "vitest";
import { parseText } from "../../../core/input/src/documents.ts";
import { inputOf } from "../../../core/input/src/input.ts";
import { type ChosenVersion, chooseVersion } from "../../../core/input/src/observed-version.ts";
import type { KubevirtMinor } from "../../../core/kubevirt/src/versions.ts";

function chosen(status: unknown, asked?: KubevirtMinor): ChosenVersion {
  const cr = { apiVersion: "kubevirt.io/v1", kind: "KubeVirt", metadata: { name: "kubevirt" }, status };
  const input = inputOf(parseText("a.yaml", JSON.stringify(cr, null, 1)), "a.yaml", "nothing");
  expect(input.violations).toEqual([]);
  return chooseVersion(input.observed, asked);
}
const observed = (observedKubeVirtVersion: unknown, asked?: KubevirtMinor): ChosenVersion =>
  chosen({ observedKubeVirtVersion }, asked);

test("the cluster's version is taken, with a word that names where it stands", () => {
  expect(observed("v1.6.2")).toEqual({
    version: 6,
    from: "status",
    observed: { text: "v1.6.2", file: "a.yaml", line: 8 },
    because: "a.yaml:8: the KubeVirt CR's status.observedKubeVirtVersion is v1.6.2; the rules of 1.6 are asked",
  });
  for (const text of ["1.6.0", "v1.6.0-rc.1", "v1.6.2-35-gab12cd+x", "v1.6"]) expect(observed(text).version).toBe(6);
});

test("the command line says another, and the CR's is not hidden", () => {
  expect(observed("v1.6.2", 8)).toMatchObject({
    version: 8,
    from: "option",
    because: expect.stringContaining("by --kubevirt-version"),
  });
  expect(observed("v1.6.2", 8).because).toContain("v1.6.2");
});

test("of a version that is not known, the nearest is taken, and that is said", () => {
  for (const [text, version] of [
    ["v1.0.1", 1],
    ["v0.59.0", 1],
    ["v1.12.0", 9],
    ["v2.0.0", 9],
  ] as const)
    expect(observed(text)).toMatchObject({
      version,
      from: "status",
      because: expect.stringContaining("the nearest that are known"),
    });
});

test("of a status without a version, or with another thing in its place, nothing is believed", () => {
  for (const status of [undefined, {}, "x", [], 5, { observedKubeVirtVersion: 5 }, { observedKubeVirtVersion: "" }])
    expect(chosen(status)).toEqual({ version: 9, from: "newest" });
  expect(chosen({}, 4)).toEqual({ version: 4, from: "option" });
  for (const text of ["latest", "devel", "1", "v1.x", "v1.6beta", `v1.${"9".repeat(5000)}`])
    expect(observed(text)).toMatchObject({
      version: 9,
      from: "newest",
      because: expect.stringContaining("not a version"),
    });
});
