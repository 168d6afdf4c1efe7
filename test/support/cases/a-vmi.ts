import type { Vmi, VmiInterface } from "@netbind/kubevirt";

/** What of a VMI a test needs otherwise. */
export interface VmiChange {
  /** Its interfaces, by masquerade where nothing else is said. */
  readonly nics?: readonly Partial<VmiInterface>[];
  /** Absent: the first is on the pod network, the others are on the multus network `red`. */
  readonly networks?: Vmi["spec"]["networks"];
  readonly spec?: Partial<Vmi["spec"]>;
  readonly annotations?: Record<string, string>;
}

/** A VMI with one NIC on the pod network by masquerade, or with what a test needs otherwise. */
export function aVmi(change: VmiChange = {}): Vmi {
  const interfaces = (change.nics ?? [{}]).map((nic, at) => ({
    name: `n${at}`,
    ...(nic.bridge || nic.binding || nic.sriov ? {} : { masquerade: {} }),
    ...nic,
  }));
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", namespace: "ns", annotations: change.annotations ?? {} },
    spec: {
      domain: { devices: { interfaces } },
      networks:
        change.networks ??
        interfaces.map(({ name }, at) => (at === 0 ? { name, pod: {} } : { name, multus: { networkName: "red" } })),
      ...change.spec,
    },
  };
}
