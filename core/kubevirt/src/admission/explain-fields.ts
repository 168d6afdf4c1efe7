import { DEFAULT_NAMESPACE, INTERFACES_PATH, NETWORKS_PATH } from "../vmi.ts";
import { type ExplainedField, field } from "./explained-field.ts";

/** Fields of the VM itself. */
export const VM_FIELDS: readonly ExplainedField[] = [
  field("metadata.name", "The VM's name; the guest's host name begins with it.", "required", "NAME-1"),
  field("metadata.namespace", "The VM's namespace.", DEFAULT_NAMESPACE, "NAME-1"),
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
    "CR-5",
  ),
  field(
    "spec.configuration.developerConfiguration.disabledFeatureGates",
    "Gates that are switched off (since 1.8).",
    "none",
    "PASST-1",
    "CR-5",
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
