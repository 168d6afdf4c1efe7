import { CLUSTER_FIELDS, type ExplainedField, INTERFACE_FIELDS, NETWORK_FIELDS, OBJECT_FIELDS, VM_FIELDS } from "./explain-fields.ts";
import { OBJECT_RULES } from "./validate-objects.ts";
import { RULES } from "./rules/index.ts";
import type { RuleText } from "./rules/rule.ts";

/** A binding, for people. */
export interface ExplainedBinding {
  readonly name: string;
  readonly means: string;
  readonly networks: string;
  /** What the KubeVirt CR says of it. */
  readonly registration: string;
  readonly guestAddress: string;
  readonly ports: string;
  readonly migration: string;
}

/** The bindings of this release. */
export const BINDINGS: readonly ExplainedBinding[] = [
  {
    name: "bridge",
    means: "The pod's link and the guest's tap are ports of one bridge: the guest takes the pod's place on the network.",
    networks: "multus, and the pod network where the cluster permits it",
    registration: "sidecarImage and domainAttachmentType: tap; KubeVirt's own key is bridge: {}",
    guestAddress: "the pod's IPv4 address, by DHCP; none where the network's plugin gave none",
    ports: "every port; ports is not read",
    migration: "on multus networks; on the pod network only with kubevirt.io/allow-pod-bridge-network-live-migration",
  },
  {
    name: "masquerade",
    means: "The guest has an address of its own behind the pod's, by nftables.",
    networks: "the pod network",
    registration: "sidecarImage, domainAttachmentType: tap and migration: {}; KubeVirt's own key is masquerade: {}",
    guestAddress: "10.0.2.2 and fd10:0:2::2, or the second address of vmNetworkCIDR and vmIPv6NetworkCIDR",
    ports: "the listed ports and ranges; every port where none is listed",
    migration: "yes; connections from outside end",
  },
  {
    name: "slirp",
    means: "A network inside QEMU, for TCP and UDP only; needs nothing of the pod.",
    networks: "the pod network",
    registration: "sidecarImage; slirp: {} is no key of KubeVirt's since 1.3",
    guestAddress: "the fifteenth address of vmNetworkCIDR, 10.0.2.15 where none is given",
    ports: "the listed ports only",
    migration: "no",
  },
  {
    name: "passt",
    means: "A process beside the guest speaks for it with the pod's own address.",
    networks: "the pod network",
    registration: "sidecarImage, migration: {} and 250Mi of memory; KubeVirt's own key is passtBinding: {} since 1.8",
    guestAddress: "the pod's IPv4 and IPv6 addresses",
    ports: "the listed ports; every port where none is listed",
    migration: "yes",
  },
  {
    name: "sriov",
    means: "A virtual function of a network card is the guest's own PCI device.",
    networks: "multus, or a resource claim",
    registration: "none: KubeVirt's own key is sriov: {}; the NetworkAttachmentDefinition names the resource",
    guestAddress: "whatever the network gives",
    ports: "every port; ports is not read",
    migration: "the device is taken out before and put in behind",
  },
  {
    name: "macvtap",
    means: "The guest has a link of its own on a card of the node, made by the macvtap CNI plugin.",
    networks: "multus",
    registration: "domainAttachmentType: tap, and no image; macvtap: {} is no key of KubeVirt's since 1.3",
    guestAddress: "whatever the network gives",
    ports: "every port; ports is not read",
    migration: "with a MAC address that the VM's author names",
  },
];

/** The fields that rules look at. */
export const FIELDS: readonly ExplainedField[] = [
  ...VM_FIELDS,
  ...NETWORK_FIELDS,
  ...INTERFACE_FIELDS,
  ...CLUSTER_FIELDS,
  ...OBJECT_FIELDS,
];

/** Every rule, of VMs and of what names them. */
export const ALL_RULES: readonly RuleText[] = [...RULES, ...OBJECT_RULES];

/** What a word means: a rule's id, a binding's name, a field's path or the end of one. */
export interface Explanation {
  readonly rules: readonly RuleText[];
  readonly bindings: readonly ExplainedBinding[];
  readonly fields: readonly ExplainedField[];
}

const plain = (path: string): string => path.replace(/\[\d*\]/g, "").toLowerCase();

/** Finds all that a word may mean; case does not count. */
export function explain(word: string): Explanation {
  const wanted = plain(word.trim());
  const isPath = ({ path }: ExplainedField): boolean => plain(path) === wanted || plain(path).endsWith(`.${wanted}`);
  const families = ALL_RULES.filter(({ id }) => id.toLowerCase() === wanted || id.toLowerCase().replace(/-[^-]*$/, "") === wanted);
  return {
    rules: families,
    bindings: BINDINGS.filter(({ name }) => name === wanted || (name === "passt" && wanted === "passtbinding")),
    fields: FIELDS.filter(isPath),
  };
}
