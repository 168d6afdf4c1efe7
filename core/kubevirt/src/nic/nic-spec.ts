import { defined, type NetworkSource, type NicSpec, type Port } from "@netbind/contract";
import type { Vmi, VmiInterface, VmiNetwork, VmiPort } from "../api.ts";

/** The keys of KubeVirt's core bindings. */
const CORE_BINDINGS = [
  "bridge",
  "masquerade",
  "sriov",
  "slirp",
  "macvtap",
  "passt",
  "passtBinding",
] as const satisfies readonly (keyof VmiInterface)[];

/** The binding that a NIC asks for: the plugin's registered name, or the core binding's. */
export function bindingName(nic: VmiInterface): string | undefined {
  if (nic.binding !== undefined) return nic.binding.name;
  const key = CORE_BINDINGS.find((candidate) => nic[candidate] !== undefined);
  return key === "passtBinding" ? "passt" : key;
}

/** Istio's word for a pod that gets a proxy. KubeVirt reads it among a VM's annotations alone, and makes a label of the pod's of it. */
export const MESH_INJECTION = "sidecar.istio.io/inject";

const isTrue = (text: string | undefined): boolean => text?.toLowerCase() === "true";

/** True where a VM's pod has a service mesh's proxy injected. */
export const hasMesh = (vmi: Vmi): boolean => isTrue(vmi.metadata.annotations?.[MESH_INJECTION]);

/** True where a VM's pod has it by a label: the proxy is injected, and KubeVirt does not know. */
export const hasMeshLabel = (vmi: Vmi): boolean => !hasMesh(vmi) && isTrue(vmi.metadata.labels?.[MESH_INJECTION]);

function podNetwork(network: VmiNetwork): NetworkSource {
  if (network.multus !== undefined) {
    return { kind: "multus", networkName: network.multus.networkName, default: network.multus.default === true };
  }
  const { vmNetworkCIDR, vmIPv6NetworkCIDR } = network.pod ?? {};
  return {
    kind: "pod",
    ...defined({ vmNetworkCidr: vmNetworkCIDR || undefined, vmIpv6NetworkCidr: vmIPv6NetworkCIDR || undefined }),
  };
}

/** A listed port, whose protocol KubeVirt reads in any case; one of another protocol counts as absent. */
function portOf({ name, protocol, port }: VmiPort): readonly Port[] {
  const upper = (protocol || "TCP").toUpperCase();
  return upper === "TCP" || upper === "UDP" ? [{ ...defined({ name: name || undefined }), protocol: upper, port }] : [];
}

const rangeOf = ({ protocol, start, end }: NonNullable<VmiInterface["portRanges"]>[number]): readonly Port[] =>
  portOf({ ...defined({ protocol }), port: start }).map((port) => ({ ...port, lastPort: end }));

/** A NIC with KubeVirt's defaults filled in, as a binding sees it. */
export function nicSpec(vmi: Vmi, nic: VmiInterface, network: VmiNetwork): NicSpec {
  const { bootFileName, tftpServerName, ntpServers, privateOptions } = nic.dhcpOptions ?? {};
  return {
    name: nic.name,
    network: podNetwork(network),
    model: nic.model || "virtio",
    virtioTransitional: vmi.spec.domain.devices.useVirtioTransitional === true,
    ...defined({ macAddress: nic.macAddress || undefined }),
    ports: [...(nic.ports ?? []).flatMap(portOf), ...(nic.portRanges ?? []).flatMap(rangeOf)],
    dhcpOptions: {
      ...defined({ bootFileName: bootFileName || undefined, tftpServerName: tftpServerName || undefined }),
      ntpServers: ntpServers ?? [],
      privateOptions: privateOptions ?? [],
    },
    ...defined({
      bootOrder: nic.bootOrder,
      pciAddress: nic.pciAddress || undefined,
      acpiIndex: nic.acpiIndex !== undefined && nic.acpiIndex > 0 ? nic.acpiIndex : undefined,
    }),
    state: nic.state === "down" || nic.state === "absent" ? nic.state : "up",
    mesh: hasMesh(vmi),
  };
}
