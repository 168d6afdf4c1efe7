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
