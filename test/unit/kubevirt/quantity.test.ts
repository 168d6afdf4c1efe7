import { parseQuantity } from "@netbind/kubevirt";
import { expect, test } from "vitest";

test("a quantity in Kubernetes' forms, rounded up to a whole number", () => {
  expect(
    ["64Mi", "1.5Gi", "64M", "500m", "2", "1e3", "1E", "2.", ".5", "1n", "", "Mi", ".", "1Mx", "-1"].map((text) =>
      parseQuantity(text),
    ),
  ).toEqual([
    67108864n,
    1610612736n,
    64000000n,
    1n,
    2n,
    1000n,
    10n ** 18n,
    2n,
    1n,
    1n,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("a quantity in a smaller unit", () => {
  expect(["200m", "1", "1.5", "0.5m", "1Ki", "1k"].map((text) => parseQuantity(text, 3))).toEqual([
    200n,
    1000n,
    1500n,
    1n,
    1_024_000n,
    1_000_000n,
  ]);
});
