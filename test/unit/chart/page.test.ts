/** The chart's README says of each value what values.yaml says. */
import { expect, test } from "vitest";
import { chartPage, documentedValues } from "../../support/cluster/chart-page.ts";

test("every value is documented", () => {
  const values = documentedValues();
  expect(values.filter(({ about }) => about === undefined)).toEqual([]);
  expect(values.map(({ path }) => path)).toContain("controller.podDisruptionBudget.minAvailable");
  expect(values.find(({ path }) => path === "uninstall.force")?.about).toMatch(/^Uninstall although VMIs/);
});

test("the README follows from it; a run with --update writes it", async () => {
  await expect(chartPage()).toMatchFileSnapshot("../../../charts/netbind/README.md");
});
