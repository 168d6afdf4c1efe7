import { anAttachment as attachment } from "@netbind/contract/testing";
import { migrationProblems, refreshedNics, type RunningVm, targetDecision } from "@netbind/engine";
import type { Vmi } from "@netbind/kubevirt";
import { expect, test } from "vitest";

const vmiWith = (nic: object, annotations: Readonly<Record<string, string>> = {}): Vmi =>
  ({
    metadata: { name: "vm", namespace: "default", annotations },
    spec: { domain: { devices: { interfaces: [{ name: "red", ...nic }] } }, networks: [{ name: "red", pod: {} }] },
  }) as unknown as Vmi;

const running = (vmi: Vmi, binding: string): RunningVm => ({
  vmi,
  attached: [attachment({ mac: "02:00:00:00:00:09" })],
  bindingOf: { [attachment().name]: binding },
  bindings: [{ name: binding, image: binding, from: "fallback" }],
});

const ALLOWED = { "kubevirt.io/allow-pod-bridge-network-live-migration": "" };
const CASES = [
  ["masquerade", vmiWith({ masquerade: {} }), "supported", true],
  ["slirp", vmiWith({ binding: { name: "slirp" } }), "none", false],
  ["passt", vmiWith({ binding: { name: "passt" } }), "supported", true],
  ["bridge", vmiWith({ bridge: {} }), "none", false],
  ["bridge", vmiWith({ bridge: {} }, ALLOWED), "none", true],
  ["bridge", vmiWith({ binding: { name: "bridge" } }), "none", false],
  ["bridge", vmiWith({ binding: { name: "bridge" } }, ALLOWED), "none", false],
] as const;

test.each(CASES)(
  "%s: what its binding and KubeVirt's rule say of a migration is told (%#)",
  (binding, vmi, declared, moves) => {
    const problems = migrationProblems(running(vmi, binding), { registered: {}, declared: { [binding]: declared } });
    expect(problems.length === 0).toBe(moves);
    for (const { field, problem, fix } of problems) for (const text of [field, problem, fix]) expect(text).not.toBe("");
  },
);

test("on another network than the pod's KubeVirt moves a VM whatever its binding says; and a registration moves none that cannot", () => {
  const vmi = vmiWith({ binding: { name: "bridge" } });
  const declared = { bridge: "none" } as const;
  const elsewhere = { kind: "multus", networkName: "lan", default: false } as const;
  const lan = { ...vmi, spec: { ...vmi.spec, networks: [{ name: "red", multus: { networkName: "lan" } }] } };
  const observed = { ...running(lan, "bridge"), attached: [attachment({ network: elsewhere })] };
  expect(migrationProblems(observed, { registered: {}, declared })).toEqual([]);
  expect(
    migrationProblems(running(vmi, "bridge"), { registered: { bridge: { migration: {} } }, declared }),
  ).toMatchObject([{ problem: 'binding "bridge" of NIC "red" cannot be migrated' }]);
});

test("what the KubeVirt CR says of a plugin comes before what it says of itself", () => {
  const vmi = vmiWith({ binding: { name: "mine" } });
  const declared = { mine: "link-refresh" } as const;
  expect(migrationProblems(running(vmi, "mine"), { registered: { mine: {} }, declared })).toHaveLength(1);
  expect(refreshedNics(vmi, { registered: { mine: { migration: {} } }, declared })).toEqual([]);
  expect(refreshedNics(vmi, { registered: {}, declared })).toEqual(["red"]);
});

test("the target's NICs are the source's, with the MAC address that the guest has, and nothing that its pod was asked for", () => {
  const source = attachment({ mac: "02:00:00:00:00:09", queues: 2 });
  const [nic] = targetDecision(running(vmiWith({ masquerade: {} }), "masquerade"), []).nics;
  expect(nic).toMatchObject({
    binding: "masquerade",
    mac: source.mac,
    takesPodMac: false,
    names: source.names,
    index: source.index,
  });
  expect(Object.keys(nic?.spec ?? {})).not.toContain("pod");
  expect({ ...source, ...nic?.spec }).toEqual(source);
});
