import { expect, test } from "vitest";
import { readPages } from "../support/cases/page-blocks.ts";
import { runPage } from "../support/cases/run-page.ts";

test.each(
  readPages()
    .filter(({ blocks }) => blocks.some(({ tier }) => tier === "e2e"))
    .map((page) => [page.name, page] as const),
)("the commands of %s run, on a machine of their own", { timeout: 600_000 }, async (_, page) => {
  expect(await runPage(page, "e2e")).toEqual([]);
});
