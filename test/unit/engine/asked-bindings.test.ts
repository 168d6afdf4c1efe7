/** What a decision asks of bindings, in whatever they run, and what it makes of their answers. */
import { BindingError, defineBinding, type Needs, type NicSpec, violation, type Violation } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { admitNics, type AskedBinding, decideVmi, plannerFor, plannerOf } from "@netbind/engine";
import type { KubevirtConfiguration, Vmi } from "@netbind/kubevirt";
import { describe, expect, test } from "vitest";

const vmi: Vmi = {
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "ns" },
  spec: {
    domain: { devices: { interfaces: [{ name: "red", binding: { name: "asked" } }] } },
    networks: [{ name: "red", pod: {} }],
  },
};
const REGISTERED: KubevirtConfiguration = {
  network: { binding: { asked: { sidecarImage: "r/asked", domainAttachmentType: "tap" } } },
};

const quiet: AskedBinding = { takesPodMac: false, migration: "none", admit: () => [], needs: () => ({}) };
const decideWith = (binding: Partial<AskedBinding>, more: object = {}): ReturnType<typeof decideVmi> =>
  decideVmi({
    vmi,
    configuration: REGISTERED,
    fallback: { policy: "Always", table: {} },
    bindings: new Map([["asked", { ...quiet, ...binding }]]),
    ...more,
  });

/** The same answer from a plugin in this process and from one behind a socket. */
const WIRES = [
  ["at once", <T>(answer: () => T) => answer],
  [
    "later",
    <T>(answer: () => T) =>
      async () =>
        answer(),
  ],
] as const;

const GRANTED = { capabilities: ["NET_RAW"], devices: ["a/b"], annotations: ["c/d"] };

describe.each(WIRES)("a binding that answers %s", (_how, on) => {
  test("refuses the VM by its violations, each at its place in the VM", async () => {
    const found: readonly Violation[] = [
      violation("model", "no", "b"),
      violation("network.pod.vmNetworkCidr", "neither", "d"),
    ];
    const { decision, violations } = await decideWith({ admit: on(() => found) });
    expect(decision).toBeUndefined();
    expect(violations.map(({ field }) => field)).toEqual([
      "spec.domain.devices.interfaces[0].model",
      "spec.networks[0].pod.vmNetworkCidr",
    ]);
  });

  test("says no more than a person reads", async () => {
    const found = Array.from({ length: 5000 }, (_, at) => violation(`ports[${at}]`, "no", "b"));
    const { violations } = await decideWith({ admit: on(() => found) });
    expect(violations.length).toBe(101);
    expect(violations.at(-1)).toMatchObject({
      field: "spec.domain.devices.interfaces[0]",
      problem: "the binding found 4900 more",
    });
  });

  test.each(["admit", "needs"] as const)(
    "fails the VM where its %s fails, as PLUGIN_FAILED that says who was asked for what",
    async (hook) => {
      const failing = on((): never => {
        throw new Error("the author's own");
      });
      const error = await decideWith({ [hook]: failing }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(BindingError);
      const { code, message } = error as BindingError;
      expect(code).toBe("PLUGIN_FAILED");
      expect(message).toMatch(/^binding "asked" failed to (admit|report the needs of) NIC "red": the author's own/);
    },
  );

  test("needs a grant for a capability, a device and an annotation", async () => {
    const needs: Needs = {
      compute: { capabilities: ["NET_BIND_SERVICE", "NET_RAW"], devices: { "a/b": 1 } },
      pod: { annotations: { "c/d": "e" } },
    };
    const refused = await decideWith({ needs: on(() => needs) });
    expect(refused.violations.map(({ problem }) => problem)).toEqual([
      'binding "asked" needs the capability "NET_RAW", which is not granted to it',
      'binding "asked" needs the resource "a/b", which is not granted to it',
      'binding "asked" needs the annotation "c/d", which is not granted to it',
    ]);
    const { decision } = await decideWith({ needs: on(() => needs) }, { grants: { asked: GRANTED, other: {} } });
    expect(JSON.stringify(decision?.pod)).toContain("NET_RAW");
    expect(JSON.stringify(decision?.pod)).toContain('"a/b"');
    expect(decision?.pod.metadata.annotations).toMatchObject({ "c/d": "e" });
    expect(decision?.grants).toEqual({ asked: GRANTED });
  });
});

test("a binding that takes the pod link's MAC address does so, unless the VM's author names one", async () => {
  expect((await decideWith({ takesPodMac: true })).decision?.nics[0]?.takesPodMac).toBe(true);
  expect((await decideWith({ takesPodMac: false })).decision?.nics[0]?.takesPodMac).toBe(false);
});

test("a binding does not change what the core says of the pod's networks", async () => {
  const needs: Needs = { pod: { annotations: { "k8s.v1.cni.cncf.io/networks": "mine", "example.com/mine": "yes" } } };
  const multus = { networks: [{ name: "red", multus: { networkName: "lan" } }] };
  const { decision } = await decideWith(
    { needs: () => needs },
    {
      vmi: { ...vmi, spec: { ...vmi.spec, ...multus } },
      grants: { asked: { annotations: Object.keys(needs.pod?.annotations ?? {}) } },
    },
  );
  const annotations = decision?.pod.metadata.annotations ?? {};
  expect(annotations["example.com/mine"]).toBe("yes");
  expect(annotations["k8s.v1.cni.cncf.io/networks"]).toContain("lan");
});

test("what is asked of no binding is not asked: a violation of another NIC's binding is its own", async () => {
  const asked: NicSpec[] = [];
  const admit = (nic: NicSpec): readonly Violation[] => {
    asked.push(nic);
    return [];
  };
  expect(await admitNics(vmi, [], new Map([["asked", { admit }]]))).toEqual([]);
  expect(asked).toEqual([]);
});

describe("a plan and its binding's registration", () => {
  const tap = defineBinding({
    name: "a",
    contract: "v1alpha1",
    migration: "none",
    plan: () => ({ domain: { kind: "tap" } }),
  });
  const user = defineBinding({
    ...tap,
    plan: () => ({ domain: { kind: "userNetwork", network: "10.0.2.0/24", search: [], forward: [] } }),
  });
  const planOf = async (binding: typeof tap, registration: object, isPlugin = true): Promise<unknown> => {
    const resolved = { name: "asked", image: "i", from: "registered" as const, ...registration };
    const planner = plannerFor({ binding: "asked", isPlugin }, [resolved], () => plannerOf(binding));
    try {
      return (await planner.plan(anAttachment())).domain.kind;
    } catch (error) {
      return (error as BindingError).message;
    }
  };
  const TAP = { domainAttachmentType: "tap" };

  test.each([
    [
      "a tap that nobody would write",
      tap,
      {},
      /plans a tap, but its registration does not make KubeVirt write the NIC/,
    ],
    [
      "a NIC that two would write",
      user,
      TAP,
      /plans a domain part of kind userNetwork, but its registration makes KubeVirt write/,
    ],
    ["a tap that KubeVirt writes", tap, TAP, /^tap$/],
    ["a NIC of its own", user, {}, /^userNetwork$/],
    ["what no registration says", tap, { from: "fallback" }, /^tap$/],
  ] as const)("%s", async (_what, binding, registration, says) => {
    expect(await planOf(binding, registration)).toMatch(says);
  });

  test("a NIC of KubeVirt's own key is written by KubeVirt, whatever is registered under that name", async () => {
    expect(await planOf(tap, {}, false)).toBe("tap");
  });
});
