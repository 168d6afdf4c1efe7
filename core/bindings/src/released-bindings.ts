import bridge from "@netbind/plugin-bridge";
import macvtap from "@netbind/plugin-macvtap";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import slirp from "@netbind/plugin-slirp";
import sriov from "@netbind/plugin-sriov";
import type { ReleasedBinding } from "./released-binding.ts";

/**
 * This release's bindings: the one place that names them. A new one is a folder below `plugins/` and an entry here.
 *
 * Source of what is said of KubeVirt: its user guide, "Interfaces and Networks".
 */
export const RELEASED_BINDINGS: readonly ReleasedBinding[] = [
  {
    plugin: bridge,
    image: "netbind/bridge:0.0.0",
    grants: {},
    registration: { hasSidecar: true, domainAttachmentType: "tap" },
    about: {
      means: "The pod's link and the guest's tap are ports of one bridge: the guest replaces the pod on the network.",
      networks: "multus, and the pod network where the cluster permits it",
      registration: "sidecarImage and domainAttachmentType: tap; KubeVirt's own key is bridge: {}",
      guestAddress: "the pod's IPv4 address, by DHCP; none where the network's plugin gave none",
      ports: "every port; ports is not read",
      migration: "on multus networks; on the pod network only with kubevirt.io/allow-pod-bridge-network-live-migration",
      hotplug: "yes, by KubeVirt's own key",
    },
  },
  {
    plugin: masquerade,
    image: "netbind/masquerade:0.0.0",
    // By these a mesh finds the bridge.
    grants: { annotations: ["istio.io/reroute-virtual-interfaces", "traffic.sidecar.istio.io/kubevirtInterfaces"] },
    registration: { hasSidecar: true, domainAttachmentType: "tap", migration: {} },
    about: {
      means: "The guest has an address of its own behind the pod's, by nftables.",
      networks: "the pod network",
      registration: "sidecarImage, domainAttachmentType: tap and migration: {}; KubeVirt's own key is masquerade: {}",
      guestAddress: "10.0.2.2 and fd10:0:2::2, or the second address of vmNetworkCIDR and vmIPv6NetworkCIDR",
      ports: "the listed ports and ranges; every port where none is listed",
      migration: "yes; connections from outside end",
      hotplug: "no",
    },
  },
  {
    plugin: slirp,
    image: "netbind/slirp:0.0.0",
    grants: { domainKinds: ["userNetwork"] },
    registration: { hasSidecar: true },
    about: {
      means: "A network inside QEMU, for TCP and UDP only; it needs nothing from the pod.",
      networks: "the pod network",
      registration: "sidecarImage; KubeVirt has no key slirp: {} since 1.3",
      guestAddress: "the fifteenth address of vmNetworkCIDR, 10.0.2.15 where none is given",
      ports: "the listed ports only",
      migration: "no",
      hotplug: "no",
    },
  },
  {
    plugin: passt,
    image: "netbind/passt:0.0.0",
    // It pings, and listens on the guest's ports, as an ordinary user.
    grants: { domainKinds: ["passt"], sysctls: ["net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start"] },
    registration: { hasSidecar: true, migration: {}, computeResourceOverhead: { requests: { memory: "250Mi" } } },
    about: {
      means: "A process beside the guest sends and receives for it with the pod's own address.",
      networks: "the pod network",
      registration: "sidecarImage, migration: {} and 250Mi of memory; KubeVirt's own key is passtBinding: {} since 1.8",
      guestAddress: "the pod's IPv4 and IPv6 addresses",
      ports: "the listed ports; every port where none is listed",
      migration: "yes",
      hotplug: "no",
    },
  },
  {
    plugin: sriov,
    image: "netbind/sriov:0.0.0",
    grants: { domainKinds: ["hostdev"] },
    about: {
      means: "A virtual function of a NIC is the guest's own PCI device.",
      networks: "multus, or a resource claim",
      registration: "none: KubeVirt's own key is sriov: {}; the NetworkAttachmentDefinition names the resource",
      guestAddress: "what the network assigns",
      ports: "every port; ports is not read",
      migration: "the device is unplugged before, and plugged in again behind",
      hotplug: "yes, by KubeVirt's own key; the pod must be moved to get the device",
    },
  },
  {
    plugin: macvtap,
    image: "netbind/macvtap:0.0.0",
    grants: {},
    registration: { hasSidecar: false, domainAttachmentType: "tap" },
    about: {
      means: "The guest has a link of its own on a NIC of the node, made by the macvtap CNI plugin.",
      networks: "multus",
      registration: "domainAttachmentType: tap, and no image; KubeVirt has no key macvtap: {} since 1.3",
      guestAddress: "what the network assigns",
      ports: "every port; ports is not read",
      migration: "with a MAC address that the VM's author names",
      hotplug: "no",
    },
  },
];
