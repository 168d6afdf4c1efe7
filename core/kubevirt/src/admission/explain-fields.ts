import { INTERFACES_PATH, NETWORKS_PATH } from "../vmi.ts";

/** A field of a VM that networking reads, for people. */
export interface ExplainedField {
  /** From the VMI's root; `[]` stands for any place in a list. */
  readonly path: string;
  readonly means: string;
  /** The value where the field is absent. */
  readonly otherwise: string;
  /** The rules that look at it. */
  readonly rules: readonly string[];
}

const field = (path: string, means: string, otherwise: string, ...rules: readonly string[]): ExplainedField => ({
  path,
  means,
  otherwise,
  rules,
});
const ofInterface = (
  name: string,
  ...rest: readonly [means: string, otherwise: string, ...rules: readonly string[]]
): ExplainedField => field(`${INTERFACES_PATH}[].${name}`, ...rest);
const ofNetwork = (
  name: string,
  ...rest: readonly [means: string, otherwise: string, ...rules: readonly string[]]
): ExplainedField => field(`${NETWORKS_PATH}[].${name}`, ...rest);

/** Fields of the VM itself. */
export const VM_FIELDS: readonly ExplainedField[] = [
  field("metadata.name", "The VM's name; the guest's host name begins with it.", "required", "NAME-1"),
  field("metadata.namespace", "The VM's namespace.", "default", "NAME-1"),
  field("metadata.annotations", "Annotations of the VM, which its pod gets too.", "none", "NET-8", "MESH-1"),
  field(
    "metadata.labels",
    "Labels of the VM, which its pod gets too, and Services find it by.",
    "none",
    "MESH-2",
    "PORT-6",
  ),
  field(
    NETWORKS_PATH,
    "The networks of the VM, each with one interface of the same name.",
    "the cluster's default",
    "NET-1",
    "NET-2",
    "NET-3",
    "CRD-1",
    "DRA-1",
    "DRA-2",
  ),
  field(
    INTERFACES_PATH,
    "The VM's NICs, each on the network of the same name.",
    "the cluster's default, where no network is named either",
    "DEFAULT-1",
    "CRD-1",
  ),
  field(
    "spec.domain.devices.autoattachPodInterface",
    "False: a VM that names no network gets none.",
    "true",
    "DEFAULT-1",
  ),
  field(
    "spec.domain.devices.networkInterfaceMultiqueue",
    "True: a virtio NIC has as many queues as the VM has processors, 256 at the most. Each takes one of the guest's about 200 interrupt vectors, and 64 KiB of the node's memory beside the guest's; the guest switches them on itself (ethtool -L).",
    "false",
    "QUEUE-1",
    "QUEUE-2",
  ),
  field("spec.domain.devices.disks", "Disks; each shows the volume of its name.", "none", "DISK-1", "DISK-2"),
  field("spec.domain.launchSecurity", "Encrypted memory; the firmware then boots from no NIC.", "off", "BOOT-3"),
  field(
    "spec.readinessProbe",
    "A probe over the network takes a pod network, and a port that reaches the guest.",
    "none",
    "PROBE-1",
    "PROBE-2",
  ),
  field(
    "spec.livenessProbe",
    "A probe over the network takes a pod network, and a port that reaches the guest.",
    "none",
    "PROBE-1",
    "PROBE-2",
  ),
  field("spec.resourceClaims", "Claimed devices, which networks may name.", "none", "DRA-6", "DRA-9"),
  field(
    "spec.dnsConfig",
    "Name servers and search domains of the pod, which the guest gets by DHCP.",
    "the cluster's",
    "DNS-1",
  ),
  field(
    "spec.volumes",
    "Disks; a cloud-init volume may configure the guest's network.",
    "none",
    "CLOUD-1",
    "CLOUD-2",
    "CLOUD-3",
    "VOL-1",
    "VOL-2",
  ),
  field("spec.hostname", "The guest's host name, by DHCP.", "the VM's name", "DNS-2"),
  field("spec.subdomain", "The guest's domain begins with it.", "none", "DNS-2"),
];

const ofNetworkConfiguration = (
  name: string,
  ...rest: readonly [means: string, otherwise: string, ...rules: readonly string[]]
): ExplainedField => field(`spec.configuration.network.${name}`, ...rest);

/** Fields of the KubeVirt CR. */
export const CLUSTER_FIELDS: readonly ExplainedField[] = [
  field(
    "spec.configuration.developerConfiguration.featureGates",
    "Gates that are switched on.",
    "none; since 1.9 a beta gate is on all the same",
    "PASST-1",
    "RANGE-1",
    "DRA-1",
    "GATE-1",
    "OLD-8",
    "CR-4",
  ),
  field(
    "spec.configuration.developerConfiguration.disabledFeatureGates",
    "Gates that are switched off (since 1.8).",
    "none",
    "PASST-1",
  ),
  ofNetworkConfiguration(
    "defaultNetworkInterface",
    "The binding of a VM that names no interface: bridge or masquerade.",
    "bridge",
    "DEFAULT-1",
    "CR-1",
    "CR-2",
  ),
  ofNetworkConfiguration(
    "permitBridgeInterfaceOnPodNetwork",
    "False: KubeVirt refuses bridge on the pod network.",
    "true",
    "BIND-4",
    "DEFAULT-1",
  ),
  ofNetworkConfiguration(
    "permitSlirpInterface",
    "True: KubeVirt 1.1 and 1.2 allow slirp: {}; later versions ignore the field.",
    "false",
    "OLD-2",
    "CR-3",
  ),
  ofNetworkConfiguration("binding", "Binding plugins, by the name that interfaces use.", "none", "REG-1", "REG-6"),
  ofNetworkConfiguration("binding[].sidecarImage", "The image of the plugin's hook sidecar.", "no sidecar", "REG-5"),
  ofNetworkConfiguration(
    "binding[].networkAttachmentDefinition",
    "What multus attaches beside the network itself, as <name> or <namespace>/<name>.",
    "nothing",
    "NAD-2",
  ),
  ofNetworkConfiguration(
    "binding[].domainAttachmentType",
    "tap: the guest is on a tap that a CNI plugin made; managedTap: it is on one that KubeVirt makes.",
    "only the sidecar writes the NIC",
    "REG-2",
    "REG-5",
    "REG-7",
    "REG-8",
  ),
  ofNetworkConfiguration(
    "binding[].migration",
    "Where the field is present, the VM may be migrated (since 1.2).",
    "it may not",
    "REG-6",
    "REG-9",
  ),
  ofNetworkConfiguration(
    "binding[].migration.method",
    "link-refresh: the link goes down and up after a migration.",
    "nothing is done",
    "REG-3",
  ),
  ofNetworkConfiguration(
    "binding[].downwardAPI",
    "device-info: the sidecar gets the list of the pod's devices (since 1.3).",
    "it does not",
    "REG-4",
    "REG-6",
  ),
  ofNetworkConfiguration(
    "binding[].computeResourceOverhead",
    "KubeVirt adds requests.memory to the VM's, once for each plugin (since 1.3), and reads nothing else of it.",
    "nothing is added",
    "REG-6",
    "REG-10",
  ),
];

/** Fields of `spec.networks[]`. */
export const NETWORK_FIELDS: readonly ExplainedField[] = [
  ofNetwork(
    "name",
    "Pairs the network with the interface of that name.",
    "required",
    "NET-4",
    "NET-5",
    "NET-7",
    "MAP-1",
  ),
  ofNetwork("pod", "The cluster's own network.", "none", "NET-1", "NET-3"),
  ofNetwork(
    "pod.vmNetworkCIDR",
    "The guest's IPv4 network behind masquerade and slirp.",
    "10.0.2.0/24",
    "CIDR-1",
    "CLOUD-2",
  ),
  ofNetwork(
    "pod.vmIPv6NetworkCIDR",
    "The guest's IPv6 network behind masquerade.",
    "fd10:0:2::/120",
    "CIDR-2",
    "CLOUD-2",
  ),
  ofNetwork(
    "multus.networkName",
    "The NetworkAttachmentDefinition, as <name> or <namespace>/<name>.",
    "required",
    "NET-6",
    "NAD-1",
    "IPAM-1",
    "DEV-1",
    "DEV-2",
  ),
  ofNetwork(
    "multus.default",
    "True: this network replaces the pod network.",
    "false",
    "NET-2",
    "NET-3",
    "NET-8",
    "IPAM-2",
  ),
  ofNetwork(
    "resourceClaim",
    "A claimed device (alpha since 1.9).",
    "none",
    "DRA-1",
    "DRA-2",
    "DRA-3",
    "DRA-4",
    "DRA-5",
    "DRA-6",
    "DRA-7",
    "DRA-8",
    "FIELD-1",
  ),
];

/** Fields of `spec.domain.devices.interfaces[]`. */
export const INTERFACE_FIELDS: readonly ExplainedField[] = [
  ofInterface("name", "Pairs the interface with the network of that name.", "required", "IF-1", "IF-2", "MAP-2"),
  ofInterface(
    "bridge",
    "Attached by KubeVirt's own bridge binding.",
    "none",
    "BIND-1",
    "BIND-1-old",
    "BIND-4",
    "BIND-5",
    "CNI-1",
    "CNI-3",
    "MESH-1",
  ),
  ofInterface(
    "masquerade",
    "Attached by KubeVirt's own masquerade binding.",
    "none",
    "BIND-1",
    "BIND-1-old",
    "BIND-2",
    "BIND-3",
    "BIND-5",
  ),
  ofInterface("sriov", "Attached as a PCI device.", "none", "BIND-1", "BIND-1-old", "BIND-5", "ST-2", "CNI-2"),
  ofInterface(
    "passtBinding",
    "Attached by KubeVirt's own passt binding (since 1.8).",
    "none",
    "BIND-1",
    "PASST-1",
    "PASST-2",
    "FIELD-1",
  ),
  ofInterface("slirp", "Removed in 1.3: use binding: {name: slirp}.", "none", "DISC-1", "OLD-1", "OLD-2"),
  ofInterface(
    "passt",
    "Removed in 1.3: use binding: {name: passt}.",
    "none",
    "DISC-2",
    "FG-1-passt",
    "OLD-5",
    "OLD-6",
    "OLD-7",
  ),
  ofInterface(
    "macvtap",
    "Removed in 1.3: use binding: {name: macvtap}.",
    "none",
    "DISC-3",
    "FG-1-macvtap",
    "OLD-3",
    "OLD-4",
    "MACVTAP-1",
  ),
  ofInterface(
    "binding.name",
    "The registered name of the binding plugin that attaches it.",
    "none",
    "OLD-8",
    "REG-1",
    "REG-2",
    "REG-3",
    "REG-4",
    "REG-5",
    "REG-6",
    "NAD-2",
    "MACVTAP-1",
    "CNI-4",
  ),
  ofInterface("model", "The model of the emulated NIC.", "virtio", "IF-3", "FIELD-2", "QUEUE-2"),
  ofInterface(
    "macAddress",
    "The guest's MAC address.",
    "the pod link's, or a generated one that the VM keeps",
    "IF-4",
    "BIND-3",
    "MAC-1",
    "MAC-2",
    "MAC-3",
    "MAC-4",
    "MAC-5",
    "CLOUD-3",
  ),
  ofInterface("pciAddress", "The NIC's address on the guest's PCI bus.", "any that is free", "IF-5"),
  ofInterface(
    "bootOrder",
    "The NIC's place among the devices that the firmware boots from.",
    "not booted from",
    "BOOT-1",
    "BOOT-2",
    "BOOT-3",
  ),
  ofInterface("acpiIndex", "The number in the name that the guest gives the NIC.", "none", "ACPI-1", "FIELD-2"),
  ofInterface(
    "state",
    "The link's state, or absent to remove the NIC from a running VM.",
    "up",
    "ST-1",
    "ST-2",
    "ST-3",
    "ST-4",
    "GATE-1",
  ),
  ofInterface(
    "ports",
    "The ports that reach the guest.",
    "every port, but for slirp",
    "FIELD-2",
    "RANGE-2",
    "PROBE-2",
    "PORT-6",
  ),
  ofInterface("ports[].name", "The port's name in the pod.", "none", "PORT-1", "PORT-2"),
  ofInterface("ports[].port", "The port's number.", "required", "PORT-3", "PORT-4"),
  ofInterface("ports[].protocol", "TCP or UDP.", "TCP", "PORT-5"),
  ofInterface(
    "portRanges",
    "Ranges of ports that reach the guest (alpha since 1.9).",
    "none",
    "RANGE-1",
    "RANGE-2",
    "RANGE-3",
    "RANGE-4",
    "RANGE-5",
    "RANGE-6",
    "RANGE-7",
    "RANGE-8",
    "RANGE-9",
    "FIELD-1",
  ),
  ofInterface("dhcpOptions", "What the DHCP server sends beside the guest's address.", "nothing", "DHCP-4", "FIELD-2"),
  ofInterface("dhcpOptions.ntpServers", "Option 42.", "none", "DHCP-3"),
  ofInterface("dhcpOptions.privateOptions", "Options 224 to 254, as text.", "none", "DHCP-1", "DHCP-2", "DHCP-4"),
  ofInterface("tag", "A tag that cloud-init gives the guest for the NIC.", "none"),
];

/** Fields of objects that name a VM. */
export const OBJECT_FIELDS: readonly ExplainedField[] = [
  field(
    "spec.newMacAddresses",
    "Of a VirtualMachineClone: MAC addresses of the clone, by the interface's name.",
    "the cluster generates them",
    "CLONE-1",
  ),
  field(
    "spec.config",
    "Of a NetworkAttachmentDefinition: the CNI network configuration, as JSON text.",
    "a file of the node's",
    "NAD-3",
  ),
  field(
    "spec.instancetype",
    "Of a VirtualMachine: the VirtualMachineInstancetype, or the one of the cluster, that sets its CPUs and memory.",
    "the VM's own",
    "TYPE-1",
  ),
  field("spec.vmiName", "Of a VirtualMachineInstanceMigration: the VM that is to move.", "required", "MIG-1"),
];
