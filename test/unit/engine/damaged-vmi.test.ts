import { releasedGrants } from "@netbind/bindings";
import masquerade from "@netbind/plugin-masquerade";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { decideVmi } from "@netbind/engine";
import { demoVmi } from "../../demo/vmi.ts";
import { damaged } from "../../support/kill/damage.ts";
import { parseText } from "../../../core/input/src/documents.ts";
import { inputOf } from "../../../core/input/src/input.ts";

const VMI = parse(demoVmi({ name: "vm", port: 80, nonce: "x", cidr: "10.7.0.0/24" })) as {
  metadata: object;
  spec: object;
};

test("whatever became of a VMI, its shape is refused or it is decided, and nothing throws", async () => {
  let decided = 0;
  await fc.assert(
    fc.asyncProperty(damaged(VMI), async (value) => {
      const input = inputOf(parseText("vmi.json", JSON.stringify(value) ?? ""), "vmi.json");
      for (const { vmi } of input.vms) {
        const { decision, violations } = await decideVmi({
          vmi,
          configuration: input.configuration,
          fallback: { policy: "Always", table: { masquerade: { image: "x" } } },
          bindings: new Map([["masquerade", masquerade]]),
          grants: releasedGrants(),
        });
        decided += 1;
        expect(decision !== undefined || violations.length > 0).toBe(true);
        for (const { field, problem, fix } of violations)
          expect([typeof field, problem === "", fix === ""]).toEqual(["string", false, false]);
      }
      expect(input.vms.length + input.violations.length).toBeGreaterThan(0);
    }),
    { numRuns: 1500 },
  );
  // Most of what is damaged is still of the shape: else nothing was tried.
  expect(decided).toBeGreaterThan(150);
});
