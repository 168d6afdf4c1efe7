/** What preferences and instancetypes of an input make of its VMs, and what is said of those that are not in it. */
import { expect, test } from "vitest";
import { parseText } from "../../../core/input/src/documents.ts";
import { type Input, inputOf } from "../../../core/input/src/input.ts";
import { findNotChecked } from "../../../core/input/src/not-checked.ts";
import { completedVmi } from "../../../core/input/src/validate-input.ts";
import type { Vmi } from "../../../core/kubevirt/src/api.ts";

const object = (kind: string, name: string, spec: unknown, namespace?: string): object => ({
  apiVersion: "instancetype.kubevirt.io/v1beta1",
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  spec,
});
const vm = (names: object, devices: object = {}, domain: object = {}): object => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachine",
  metadata: { name: "vm", namespace: "shop" },
  spec: {
    ...names,
    template: {
      spec: {
        domain: { devices, ...domain },
        ...("interfaces" in devices
          ? {
              networks: [
                { name: "a", pod: {} },
                { name: "b", multus: { networkName: "lan" } },
              ],
            }
          : {}),
      },
    },
  },
});
const read = (...objects: readonly object[]): Input =>
  inputOf(parseText("a.yaml", objects.map((one) => JSON.stringify(one)).join("\n---\n")), "a.yaml");
function made(...objects: readonly object[]): Vmi {
  const input = read(...objects);
  expect(input.violations).toEqual([]);
  expect(input.warnings).toEqual([]);
  const [first] = input.vms;
  if (first === undefined) throw new Error("no VM was read");
  return completedVmi(first, input);
}
const NICS = { interfaces: [{ name: "a" }, { name: "b", bridge: {}, model: "rtl8139" }] };
const PREFERRED = {
  devices: {
    preferredInterfaceModel: "e1000e",
    preferredInterfaceMasquerade: {},
    preferredNetworkInterfaceMultiQueue: true,
  },
};
const FEDORA = object("VirtualMachineClusterPreference", "fedora", PREFERRED);

test("a preference fills in what the VM does not say, and nothing that it says", () => {
  const { devices } = made(vm({ preference: { name: "fedora" } }, NICS), FEDORA).spec.domain;
  expect(devices.interfaces).toEqual([
    { name: "a", masquerade: {}, model: "e1000e" },
    { name: "b", bridge: {}, model: "rtl8139" },
  ]);
  expect(devices.networkInterfaceMultiqueue).toBe(true);
  const own = {
    interfaces: [{ name: "a", binding: { name: "passt" } }, { name: "b" }],
    networkInterfaceMultiqueue: false,
  };
  const said = made(vm({ preference: { name: "fedora" } }, own), FEDORA).spec.domain.devices;
  expect(said.interfaces).toEqual([
    { name: "a", binding: { name: "passt" }, model: "e1000e" },
    { name: "b", model: "e1000e" },
  ]);
  expect(said.networkInterfaceMultiqueue).toBe(false);
});

test("the default NIC is made first, and takes the preferred model; a preference can keep it away", () => {
  const names = { preference: { name: "fedora" } };
  expect(made(vm(names), FEDORA).spec.domain.devices.interfaces).toEqual([
    { name: "default", bridge: {}, model: "e1000e" },
  ]);
  const none = object("VirtualMachineClusterPreference", "fedora", {
    devices: { preferredAutoattachPodInterface: false },
  });
  expect(made(vm(names), none).spec.domain.devices.interfaces).toBeUndefined();
  expect(made(vm(names, { autoattachPodInterface: true }), none).spec.domain.devices.interfaces).toHaveLength(1);
});

test("one of the cluster is named unless the kind says a namespace's, in any case and in the plural", () => {
  const of = (kind: string, model: string, namespace?: string): object =>
    object(kind, "p", { devices: { preferredInterfaceModel: model } }, namespace);
  const all = [
    of("VirtualMachineClusterPreference", "e1000"),
    of("VirtualMachinePreference", "rtl8139", "other"),
    of("VirtualMachinePreference", "pcnet", "shop"),
  ];
  const model = (kind?: string): unknown =>
    made(vm({ preference: { name: "p", ...(kind === undefined ? {} : { kind }) } }), ...all).spec.domain.devices
      .interfaces?.[0]?.model;
  expect([undefined, "VirtualMachineClusterPreference", "virtualmachineclusterpreferences"].map(model)).toEqual(
    Array(3).fill("e1000"),
  );
  expect(["VirtualMachinePreference", "virtualmachinepreferences"].map(model)).toEqual(Array(2).fill("pcnet"));
});

test("an instancetype gives CPUs, as the preference lays them out, and memory", () => {
  const small = object("VirtualMachineClusterInstancetype", "small", { cpu: { guest: 4 }, memory: { guest: "2Gi" } });
  const names = { instancetype: { name: "small" } };
  expect(made(vm(names), small).spec.domain).toMatchObject({
    cpu: { sockets: 4, cores: 1, threads: 1 },
    memory: { guest: "2Gi" },
  });
  const cores = object("VirtualMachineClusterPreference", "cores", { cpu: { preferredCPUTopology: "cores" } });
  expect(made(vm({ ...names, preference: { name: "cores" } }), cores, small).spec.domain.cpu).toMatchObject({
    cores: 4,
  });
});

test("of what is not in the input it is said what is not known, and a VM of it is not refused", () => {
  const names = {
    preference: { name: "fedora" },
    instancetype: { kind: "VirtualMachineInstancetype", name: "small" },
  };
  expect(findNotChecked(read(vm(names)))).toEqual([
    "shop/vm: no VirtualMachineClusterPreference fedora in the input: not known which binding, model and queues it gives",
    "shop/vm: no VirtualMachineInstancetype shop/small in the input: not known which CPUs it gives, which set the number of queues",
  ]);
  expect(findNotChecked(read(vm({ preference: { inferFromVolume: "root" } })))[0]).toContain('volume "root"');
});

test("what is wrong with a preference or an instancetype is said where it is, and nothing of it is applied", () => {
  for (const devices of [5, { preferredInterfaceModel: 5 }, { preferredNetworkInterfaceMultiQueue: "yes" }]) {
    const input = read(vm({ preference: { name: "p" } }), object("VirtualMachineClusterPreference", "p", { devices }));
    expect(input.violations).toHaveLength(1);
    expect(input.vms[0]?.vmi.spec.domain.devices.interfaces).toBeUndefined();
    expect(findNotChecked(input)).toEqual([]);
  }
  expect(read(vm({}), object("VirtualMachineClusterInstancetype", "i", { cpu: {} })).violations.length).toBeGreaterThan(
    0,
  );
  expect(read(vm({}), object("VirtualMachinePreferences", "i", {})).violations[0]?.fix).toContain("did you mean");
});
