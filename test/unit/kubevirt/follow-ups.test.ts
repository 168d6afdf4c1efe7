/** One mistake is one finding, and no two fixes of an interface contradict each other. */
import { findMistakes } from "@netbind/kubevirt/admission";
import type { KubevirtMinor, Vmi, VmiInterface, VmiNetwork } from "@netbind/kubevirt";
import { expect, test } from "vitest";

const POD: Omit<VmiNetwork, "name"> = { pod: {} };
const MULTUS: Omit<VmiNetwork, "name"> = { multus: { networkName: "lan" } };

const vmiOf = (nic: Omit<VmiInterface, "name">, network: Omit<VmiNetwork, "name">, more: object = {}): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "ns", ...more },
  spec: { domain: { devices: { interfaces: [{ name: "a", ...nic }] } }, networks: [{ name: "a", ...network }] },
});
const found = (vmi: Vmi, version: KubevirtMinor): readonly string[] =>
  findMistakes(vmi, { configuration: {}, version }).map(({ rule, fix }) => `${rule.id}: ${fix}`);

test("a removed binding is said to be removed, whatever was asked of it before", () => {
  for (const version of [3, 4, 5] as const)
    for (const network of [POD, MULTUS])
      expect(found(vmiOf({ slirp: {} }, network), version)).toEqual([expect.stringMatching(/^DISC-1: write /)]);
  expect(found(vmiOf({ passt: {} }, MULTUS), 9)).toEqual([expect.stringMatching(/^DISC-2: write bridge/)]);
});

test("a gate is asked for where it would help: on the network that the binding serves, before it is discontinued", () => {
  for (const [nic, wrong, right, id] of [
    [{ passt: {} }, MULTUS, POD, "OLD-5"],
    [{ macvtap: {} }, POD, MULTUS, "OLD-3"],
  ] as const) {
    const mac = { macAddress: "02:00:00:00:00:01" };
    expect(found(vmiOf({ ...nic, ...mac }, right), 2)).toEqual([expect.stringMatching(`^${id}: list the gate`)]);
    expect(found(vmiOf({ ...nic, ...mac }, right), 6)).toEqual([expect.stringMatching(`^${id}: use binding`)]);
    expect(found(vmiOf({ ...nic, ...mac }, wrong), 6)).toEqual([expect.stringMatching(/^OLD-[46]: use /)]);
  }
  expect(found(vmiOf({ passtBinding: {} }, POD), 8)).toEqual([expect.stringMatching(/^PASST-1/)]);
  expect(found(vmiOf({ passtBinding: {} }, MULTUS), 8)).toEqual([expect.stringMatching(/^PASST-2: use bridge/)]);
});

test("what a binding reads is not said of an interface that is to have another one", () => {
  const ports = { ports: [{ port: 80 }] };
  const mesh = { annotations: { "sidecar.istio.io/inject": "true" } };
  expect(found(vmiOf({ bridge: {}, ...ports }, POD, mesh), 9)).toEqual(["MESH-1: use masquerade: {}"]);
  expect(found(vmiOf({ bridge: {}, ...ports }, POD), 9)).toEqual([expect.stringMatching(/^FIELD-2/)]);
});

test("queues are not asked of a model where no model would have them", () => {
  const queued = (nic: Omit<VmiInterface, "name">): readonly string[] => {
    const vmi = vmiOf(nic, MULTUS);
    const devices = { ...vmi.spec.domain.devices, networkInterfaceMultiqueue: true };
    return found({ ...vmi, spec: { ...vmi.spec, domain: { devices } } }, 9);
  };
  expect(queued({ sriov: {} })).toEqual(["QUEUE-2: remove the field"]);
  expect(queued({ bridge: {}, model: "e1000" })).toEqual(["QUEUE-2: use model virtio, or remove the field"]);
});

test("a word that a newer version has is named with that version, and a slip with what is meant", () => {
  const said = (nic: Omit<VmiInterface, "name">, version: KubevirtMinor): readonly string[] =>
    findMistakes(vmiOf({ bridge: {}, ...nic }, MULTUS), { configuration: {}, version }).map(
      ({ problem, fix }) => `${problem}; ${fix}`,
    );
  expect(said({ model: "igb" }, 3)).toEqual([
    expect.stringMatching(/^"igb" came with KubeVirt 1.4; .*upgrade KubeVirt$/),
  ]);
  expect(said({ state: "down" }, 4)).toEqual(['"down" came with KubeVirt 1.5; use absent, or upgrade KubeVirt']);
  expect(said({ model: "virtoi" }, 9)).toEqual([
    expect.stringMatching(
      /^"virtoi" is not a valid model of an interface; did you mean virtio\? Else use one of e1000, /,
    ),
  ]);
  expect(said({ model: "tulip" }, 9)).toEqual([expect.stringMatching(/interface; use one of e1000/)]);
  expect(said({ model: "igb", state: "down" }, 5)).toEqual([]);
});
