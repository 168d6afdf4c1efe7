/** What a NetworkBinding's conditions say, as far as no API server is needed for it. */
import { expect, test } from "vitest";
import { conditionsOf, isFalse, isTrue, type Verdicts } from "../../../core/controller/src/status/conditions.ts";
import { judgeGrants } from "../../../core/controller/src/status/judge-grants.ts";

const FINE: Verdicts = {
  ImageResolved: isTrue("FromRelease", "an image"),
  PlannerReachable: isTrue("Embedded", "a planner"),
  Registered: isTrue("Written", "an entry"),
};
const NOW = new Date("2026-01-01T00:00:00Z");

const readyOf = (verdicts: Verdicts, spec: object): object | undefined =>
  conditionsOf({ ...verdicts, grants: judgeGrants({ name: "red", spec }) }, 3, [], NOW).at(-1);

test("grants that a schema of another release took are said where VMs would wait for them", () => {
  const grants = { sysctls: ["kernel.pid_max"], domainKinds: ["disk"] };
  const ready = readyOf(FINE, { grants });
  expect(ready).toMatchObject({ type: "Ready", status: "False", reason: "GrantsInvalid", observedGeneration: 3 });
  const message = /^no pod is attached: .*spec\.grants\.domainKinds\[0\]: "disk"/;
  expect(ready).toMatchObject({ message: expect.stringMatching(message) });
  expect(ready).toMatchObject({ message: expect.stringContaining("spec.grants.sysctls[0]: ") });
  for (const spec of [{}, { grants: {} }, { grants: { domainKinds: ["tap"] } }])
    expect(readyOf(FINE, spec)).toMatchObject({ status: "True", reason: "Ready" });
});

test("what comes before them is said first", () => {
  const verdicts = { ...FINE, Registered: isFalse("OwnedByOther", "another's") };
  expect(readyOf(verdicts, { grants: "all" })).toMatchObject({ status: "False", reason: "OwnedByOther" });
});
