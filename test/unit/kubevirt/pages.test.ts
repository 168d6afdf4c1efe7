/** Pages that say what the code does: made from it, or checked against it. */
import { readFileSync } from "node:fs";
import { explainedBindings } from "@netbind/bindings";
import { ALL_RULES, FIELDS } from "@netbind/kubevirt/admission";
import { expect, test } from "vitest";
import { OWN_BINDINGS } from "../../support/cases/own-bindings.ts";
import { rulesPage } from "../../support/cases/pages.ts";
import { DEVIATIONS } from "../../vectors/deviations.ts";

const page = (name: string): string => readFileSync(new URL(`../../../core/kubevirt/${name}`, import.meta.url), "utf8");

test("the page of rules is made from the rules", async () => {
  await expect(rulesPage()).toMatchFileSnapshot("../../../core/kubevirt/RULES.md");
});

test("every difference from KubeVirt is on its page", () => {
  const text = page("DIFFERENCES.md");
  for (const id of Object.keys(DEVIATIONS)) expect(text, id).toMatch(new RegExp(`^\\| ([\\w-]+, )*${id}[ ,]`, "m"));
});

test("every rule is a field's, and every rule of a field is there", () => {
  const named = new Set(FIELDS.flatMap(({ rules }) => rules));
  expect(ALL_RULES.map(({ id }) => id).filter((id) => !named.has(id))).toEqual([]);
  expect([...named].filter((id) => !ALL_RULES.some((rule) => rule.id === id))).toEqual([]);
});

test("what is to be registered of a binding on the pod network is what it says of migration itself", () => {
  for (const { name, networks, registration } of explainedBindings().filter((binding) =>
    binding.networks.includes("pod network"),
  )) {
    const described = OWN_BINDINGS.get(name)?.migration;
    expect([name, networks, registration.includes("migration: {}")]).toEqual([
      name,
      networks,
      described === "supported",
    ]);
  }
  expect([...OWN_BINDINGS].map(([name, { migration }]) => `${name} ${migration}`).sort()).toEqual([
    "bridge none",
    "macvtap supported",
    "masquerade supported",
    "passt supported",
    "slirp none",
    "sriov none",
  ]);
});
