/** Golden cases by their own files: examples of the guide as people paste them. The slow tier has the others. */
import { test } from "vitest";
import { useLab } from "../support/guest/lab.ts";
import { casesTriedBy, tryCase } from "../support/cases/run-case.ts";

const lab = useLab();

for (const name of casesTriedBy("test/e2e/cases.test.ts"))
  test(`case ${name}`, { timeout: 300_000 }, () => tryCase(lab, name, true));
