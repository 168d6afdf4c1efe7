import { RULES } from "@netbind/kubevirt/admission";

/** A reason for which ours may differ from KubeVirt's answer. */
export interface Deviation {
  readonly reason: string;
  /**
   * False where the difference is none of behavior: a path or a reason that KubeVirt gets wrong, what printing invents
   * or drops, the model that slirp's hook forces, DHCPv6 messages.
   */
  readonly counted: boolean;
}

const counted = (reason: string): Deviation => ({ reason, counted: true });
const apart = (reason: string): Deviation => ({ reason, counted: false });

/** The rules of admission whose words differ from KubeVirt's. Where KubeVirt stops at the first place, that counts. */
const ofRules = RULES.flatMap(({ id, kubevirt }) =>
  kubevirt === undefined ? [] : [[id, { reason: kubevirt.difference, counted: kubevirt.firstOnly === true }] as const],
);

/** Every reason, by its id. What a case must be for one stands where kinds are compared, and reads the case alone. */
export const DEVIATIONS: Readonly<Record<string, Deviation>> = {
  ...Object.fromEntries(ofRules),
  "ABSENT-ARP": counted(
    "A bridge NIC that is taken out leaves no address in the pod, so the pod need not be silenced for it.",
  ),
  "BRIDGE-IPV6": counted("Bridge serves its guest the pod's IPv6 address too; KubeVirt's guest gets none."),
  "CIDR-FAMILY": counted("A guest's network of the other family cannot work; KubeVirt takes it."),
  "DHCP-MASK": counted("A client always has a network mask here."),
  "DHCP-TEXT": counted(
    "A text that no option of DHCP can hold is refused; KubeVirt's server cuts it, or sends a message that cannot be read.",
  ),
  "DHCP6-MESSAGE": apart("dnsmasq answers DHCPv6, and ends on no malformed message."),
  "DNS-DOT": counted(
    "A search domain with a dot at its end is told without it: with it, KubeVirt's option 119 has an empty label.",
  ),
  "DNS-EMPTY": counted("An empty search domain is told to nobody."),
  "DNS-LONG": counted(
    "A search list that is longer than its option is told as far as the option goes; KubeVirt does not start the VM.",
  ),
  "GUEST-NETWORK-OVERLAP": counted(
    "A guest's network that contains the pod's own address is refused: nothing could be told apart.",
  ),
  LOSSLESS: apart("A domain keeps every byte that is not the NIC's; KubeVirt's printing drops and invents elements."),
  "MEMORY-ACCESS": counted(
    "Memory that is backed without access mode or source is made one that can be shared: vhost-user cannot work otherwise.",
  ),
  "MESH-SSH": counted(
    "In a mesh TCP's port 22 goes past the proxy where it is listed; KubeVirt lets it pass where UDP's is.",
  ),
  "MESH-UDP": counted("A mesh's TCP ports are left out, and UDP is forwarded all the same; KubeVirt forgets UDP."),
  "NO-ADDRESS": counted(
    "A NIC by masquerade or passt in a pod without an address has nothing to speak by, and is refused with that reason.",
  ),
  "ORDINAL-GAP": counted(
    "A running pod's link keeps its ordinal name where one before it is taken out; KubeVirt numbers them again.",
  ),
  "PASST-BOOT": counted("A NIC by passt is booted from where its author says so."),
  "PASST-MODEL": counted("passt serves virtio only: another model is refused, where libvirt would refuse the domain."),
  "PASST-QUEUES": counted("A NIC by passt has the VM's queues, as KubeVirt's own passt has; its plugin forgets them."),
  "PASST-STATUS": counted("The pod's link is observed, so that no status must tell its name first."),
  "REFUSED-BEFORE": counted("Admission, KubeVirt's as ours, refuses the VM, so it is never set up."),
  RESUME: counted("What was begun and not ended is gone on with from the record; KubeVirt fails the VM."),
  "ROUTE-ORDER": counted(
    "Default routes come last, however they are written; KubeVirt sees one only where nothing is written.",
  ),
  "SLIRP-MODEL": apart("slirp's device has the model that its author names, virtio else; KubeVirt forces e1000."),
  "SLIRP-PLACE": counted(
    "slirp's device has the PCI address, the boot order and the ACPI index that its author names.",
  ),
  "SLIRP-SMALL": counted(
    "slirp's guest has the fifteenth address of its network: one without is refused, where QEMU would not start.",
  ),
  "XML-STRICT": counted(
    "A text that is not an XML document, such as one with text behind its root element, is refused, as is a document type.",
  ),
};

/** Counted deviations are at most this part of all cases. */
export const MOST_COUNTED = 0.03;
