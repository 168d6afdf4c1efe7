/** The listed differences between what both set up: each with what tells that it is the one. */
import type { BindingError } from "@netbind/contract";
import type { Vmi } from "@netbind/kubevirt";
import { validateVmi } from "@netbind/kubevirt/admission";
import type { Input } from "./nmstate.ts";
import { linkOf, type Planned } from "./planned.ts";
import { networkOf } from "./set-up.ts";

/** What passt needs of its pod, in any pod. */
const PASST_SYSCTLS: readonly string[] = ["net.ipv4.ip_unprivileged_port_start=0", "net.ipv4.ping_group_range=107 107"];

/** A NIC that is taken out has no address left that the pod could answer for: KubeVirt silences the pod all the same. */
export function silencedForNothing(vmi: Vmi, input: Input, { plans }: Planned): boolean {
  const gone = (vmi.spec.domain.devices.interfaces ?? []).filter(
    ({ bridge: is, state }) => is !== undefined && state === "absent",
  );
  const had = gone.some((nic) => (linkOf(vmi, nic, input)?.IPv4?.address ?? []).length > 0);
  return had && !plans.some((one) => networkOf(one).sysctls?.some(({ key }) => key.endsWith("arp_ignore")));
}

/**
 * Rules of admission that a VM can break in a way in which it is set up differently, were it not refused: two NICs on the
 * pod's own link, a NIC of no binding or of one that serves another network, one taken out that cannot be, or ports that
 * none forwards.
 */
const TELLING_RULES = /^(NET-[123]|BIND-1|BIND-2|PASST-2|ST-3|PORT-[345]|RANGE-\d)$/;

/** True for a VM that KubeVirt's own admission refuses, as ours does: it is never set up. */
export const isRefused = (vmi: Vmi, input: Input): boolean =>
  validateVmi(vmi, { configuration: input.kubevirtConfig ?? {} }).some(({ rule }) => TELLING_RULES.test(rule.id));

/** Why ours refuses what KubeVirt sets up, where that is listed. */
export function refusal(vmi: Vmi, input: Input, { message }: BindingError): string | undefined {
  if (message.includes("contains the pod's own address")) return "GUEST-NETWORK-OVERLAP";
  const pod = vmi.spec.networks?.find((network) => network.pod !== undefined)?.pod;
  if (pod?.vmNetworkCIDR?.includes(":") || (pod?.vmIPv6NetworkCIDR && !pod.vmIPv6NetworkCIDR.includes(":")))
    return "CIDR-FAMILY";
  return isRefused(vmi, input) ? "REFUSED-BEFORE" : undefined;
}

/** What KubeVirt sets up for NICs that ours refuses for want of an address. */
export const theirUnaddressed = ({
  unaddressed,
}: Planned): { readonly links: readonly string[]; readonly sysctls: readonly string[] } => ({
  links: unaddressed.flatMap(({ names }) => [names.bridge, names.tap]),
  sysctls: unaddressed.some(({ network }) => network.kind === "pod") ? PASST_SYSCTLS : [],
});

/** True where KubeVirt lets TCP's port 22 past a mesh's proxy, because UDP's is listed. */
export const opensSsh = ({ plans }: Planned): boolean =>
  plans.some(({ nic, attachment: { mesh, ports } }) => {
    const listed = (protocol: "TCP" | "UDP"): boolean =>
      ports.some((port) => port.port === 22 && port.protocol === protocol);
    return nic.masquerade !== undefined && mesh && listed("UDP") && !listed("TCP");
  });
/** True for the rule that lets that port past. */
export const isSsh = (rule: string): boolean => rule.startsWith("prerouting") && rule.includes("tcp dport 22]");
