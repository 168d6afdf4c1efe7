/** What the command knows of the cluster's programs is what they are. */
import { CONFIGURATION_PLACES, FIELD_MANAGER } from "@netbind/controller";
import { expect, test } from "vitest";
import { EXPECTED_CONFIGURATIONS } from "../../../core/cli/src/cluster/checks/check-webhooks.ts";
import { CONTROLLER } from "../../../core/cli/src/cluster/facts.ts";

test("the controller's manager of fields and its webhook configurations have the names that the doctor looks for", () => {
  expect(CONTROLLER).toBe(FIELD_MANAGER);
  const filled = CONFIGURATION_PLACES.map(({ resource: { kind }, name }) => ({ kind, name }));
  expect(EXPECTED_CONFIGURATIONS).toEqual(filled);
});
