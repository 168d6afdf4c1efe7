import {
  type Attachment,
  type Binding,
  BindingError,
  defineBinding,
  type NicSpec,
  type Violation,
  violation,
} from "@netbind/contract";

function admit({ name, network }: NicSpec): readonly Violation[] {
  if (network.kind === "multus") return [];
  const problem = `sriov gives the guest a device of its network, and "${name}" is the pod network`;
  return [violation("name", problem, "name a multus network whose definition takes a device plugin's resource")];
}

/** The device that is reported by name; else the only one that the pod was allocated. */
function deviceOf({ deviceInfo, allocatedDevices, pod }: Attachment): string {
  const addresses = allocatedDevices.filter((device) => device.includes(":"));
  const [only, ...others] = addresses;
  const reported = deviceInfo?.pciAddress ?? (others.length === 0 ? only : undefined);
  if (reported !== undefined) return reported;
  throw new BindingError(
    "PLAN_IMPOSSIBLE",
    only === undefined
      ? `the pod was allocated no PCI device for link "${pod.name}"`
      : `the pod was allocated the PCI devices ${addresses.join(", ")}, and none of them is reported for this network`,
    "check that the network's definition names a device plugin's resource, and that multus reports each network's device",
  );
}

/** The guest has a virtual function of a NIC of the node's. MAC, VLAN and spoof check are set on it by the network's CNI plugin. */
const sriov: Binding = defineBinding({
  name: "sriov",
  contract: "v1alpha1",
  migration: "none",
  takesPodMac: true,
  admit,
  plan: (attachment) => ({ domain: { kind: "hostdev", pciAddress: deviceOf(attachment) } }),
});

export default sriov;
