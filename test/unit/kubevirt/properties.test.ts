/** What holds of every VM, whatever it says. */
import { defaultVmi, isFatal, validateVmi, RULES, sanitizeVmi } from "@netbind/kubevirt/admission";
import { type KubevirtConfiguration, type KubevirtMinor, nicNames, type Vmi } from "@netbind/kubevirt";
import { mergeNeeds } from "@netbind/engine";
import { pluginSidecars, renderPod } from "@netbind/kubevirt/pod";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { validateInput } from "../../../core/input/src/validate-input.ts";
import { parseText } from "../../../core/input/src/documents.ts";
import { inputOf } from "../../../core/input/src/input.ts";
import { arbitraryConfiguration, arbitraryVmi } from "../../support/cases/arbitrary-vmi.ts";

const version = fc.constantFrom<KubevirtMinor>(1, 2, 3, 4, 5, 6, 7, 8, 9);
const FALLBACK = { policy: "Always", table: { passt: { image: "r/passt" } } } as const;

const stepsOf = (field: string): readonly (string | number)[] =>
  [...field.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, key, at]) => (at === undefined ? (key ?? "") : Number(at)));

/** The part of a path that is there. */
function lengthThere(value: unknown, steps: readonly (string | number)[]): number {
  const [first, ...rest] = steps;
  if (first === undefined || typeof value !== "object" || value === null || !Object.hasOwn(value, first)) return 0;
  return 1 + lengthThere((value as Record<string | number, unknown>)[first], rest);
}

describe("a VM that nobody checked", () => {
  test("is defaulted once: the second time changes nothing", () => {
    fc.assert(
      fc.property(arbitraryVmi, arbitraryConfiguration, (vmi, configuration) => {
        const once = defaultVmi(sanitizeVmi(vmi), configuration);
        expect(defaultVmi(sanitizeVmi(once.vmi), configuration)).toEqual(once);
      }),
    );
  });

  test("is told places that are there, or the missing end of one that is", () => {
    fc.assert(
      fc.property(arbitraryVmi, arbitraryConfiguration, version, (vmi, configuration, of) => {
        for (const { field, problem, fix, rule } of validateVmi(vmi, { configuration, version: of })) {
          const steps = stepsOf(field);
          expect(lengthThere(vmi, steps), `${rule.id} ${field}`).toBeGreaterThanOrEqual(steps.length - 1);
          expect([problem, fix].every((text) => text.length > 0)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("is rendered where nothing is in its way, and always the same", () => {
    let rendered = 0;
    fc.assert(
      fc.property(arbitraryVmi, arbitraryConfiguration, version, (given, configuration, of) => {
        const { vmi } = defaultVmi(sanitizeVmi(given), configuration);
        const { sidecars, violations } = pluginSidecars(vmi, configuration, FALLBACK);
        if (violations.length > 0 || validateVmi(vmi, { configuration, version: of }).some(isFatal)) return;
        const render = (what: Vmi): string =>
          JSON.stringify(
            renderPod({ vmi: what, configuration, version: of, sidecars, needs: mergeNeeds([]), nads: [] }),
          );
        rendered += 1;
        expect(render(vmi)).toBe(render(structuredClone(vmi)));
        expect(JSON.parse(render(vmi))).toMatchObject({
          kind: "Pod",
          spec: { containers: expect.arrayContaining([expect.objectContaining({ name: "compute" })]) },
        });
      }),
      { numRuns: 3000 },
    );
    expect(rendered).toBeGreaterThan(50);
  });
});

test("names of links are unique, and at most 15 characters long", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { maxLength: 50 }), (logical) => {
      const all = logical.flatMap((name) => Object.values(nicNames({ name, multus: { networkName: "x" } })));
      expect(new Set(all).size).toBe(all.length);
      expect(all.every((link) => link.length <= 15 && link !== "eth0")).toBe(true);
    }),
  );
});

/** Every kind of object that a VM's verdict may depend on, with all that is read of them. */
const clusterOf = ({ metadata, spec }: Vmi, configuration: KubevirtConfiguration): readonly object[] => [
  {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachine",
    metadata,
    spec: {
      template: {
        metadata: { annotations: { "sidecar.istio.io/inject": "true" } },
        spec: {
          ...spec,
          resourceClaims: [{ name: "c" }],
          readinessProbe: { httpGet: {} },
          dnsConfig: { searches: ["a.b"], nameservers: ["1.2.3.4"] },
        },
      },
    },
  },
  {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { ...metadata, name: "other" },
    spec,
    status: {
      interfaces: [{ name: "default", podInterfaceName: "eth0", mac: "02:00:00:00:00:01" }],
      conditions: [{ type: "a", status: "b" }],
    },
  },
  {
    apiVersion: "kubevirt.io/v1",
    kind: "KubeVirt",
    metadata: { name: "k" },
    spec: {
      configuration: {
        developerConfiguration: { featureGates: ["PasstBinding"], useEmulation: true },
        ...configuration,
      },
    },
  },
  {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: "n", namespace: "ns", annotations: {} },
    spec: { config: '{"plugins":[{"type":"macvlan"}]}' },
  },
  { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, data: { a: "YQ==" }, stringData: { b: "c" } },
];

describe("validate", () => {
  const options = { operation: "create" } as const;
  const judge = (text: string): void => {
    for (const verdict of validateInput(inputOf(parseText("f", text), "f"), options, new Map())) {
      expect(verdict.line).toBeGreaterThan(0);
      expect(verdict.problem).not.toBe("");
    }
  };
  const kind = fc.constantFrom(
    "VirtualMachineInstance",
    "VirtualMachine",
    "VirtualMachineInstanceReplicaSet",
    "KubeVirt",
    "List",
  );

  test("never throws, whatever JSON it gets", () => {
    fc.assert(fc.property(fc.json(), judge), { numRuns: 500 });
    const object = fc.record(
      {
        apiVersion: fc.constant("kubevirt.io/v1"),
        kind,
        metadata: fc.jsonValue(),
        spec: fc.jsonValue(),
        items: fc.jsonValue(),
      },
      { requiredKeys: ["apiVersion", "kind"] },
    );
    fc.assert(
      fc.property(object, (value) => judge(JSON.stringify(value))),
      { numRuns: 1000 },
    );
  });

  const places = fc.array(fc.nat(), { minLength: 1, maxLength: 8 });
  /** Puts a value at the place that some numbers lead to. */
  const plant = (target: unknown, [first = 0, ...rest]: readonly number[], value: unknown): void => {
    if (typeof target !== "object" || target === null) return;
    const keys = Object.keys(target) as (keyof typeof target)[];
    const key = keys[first % Math.max(1, keys.length)];
    if (key === undefined) return;
    if (rest.length === 0 || typeof target[key] !== "object") Object.assign(target, { [key]: value });
    else plant(target[key], rest, value);
  };

  test("never throws for a VM of which any part is something else", () => {
    fc.assert(
      fc.property(arbitraryVmi, places, fc.jsonValue(), (vmi, place, value) => {
        const copy = structuredClone(vmi);
        plant(copy, place, value);
        judge(JSON.stringify(copy));
      }),
      { numRuns: 2000 },
    );
  });

  test("never throws for a cluster of which any part is something else", () => {
    const odd = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(null, true, 0, "", [], {}, [null], [{}]));
    fc.assert(
      fc.property(
        arbitraryVmi,
        arbitraryConfiguration,
        fc.array(fc.tuple(places, odd), { minLength: 1, maxLength: 3 }),
        (vmi, configuration, plants) => {
          const items = structuredClone(clusterOf(vmi, configuration));
          for (const [place, value] of plants) plant(items, place, structuredClone(value));
          judge(JSON.stringify({ apiVersion: "v1", kind: "List", items }));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("the rules", () => {
  test("have ids of their own, and every word that people need", () => {
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
    for (const { id, means, why, fix, since = 1, until = 9 } of RULES) {
      expect(means, id).toMatch(/^(passtBinding|vm(IPv6)?Network\w+|[A-Z]).*\.$/);
      expect(why, id).toMatch(/\.$/);
      expect(fix.length, id).toBeGreaterThan(3);
      expect(since, id).toBeLessThanOrEqual(until);
    }
  });
});
