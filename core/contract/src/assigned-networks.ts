import type { Attachment } from "./attachment.ts";
import type { IpFamily } from "./net.ts";

/** A NIC, as far as its networks go. */
type Assigned = Pick<Attachment, "network" | "index">;

const NETWORKS = { 4: "10.0.2.0/24", 6: "fd10:0:2::/120" } as const;
/** The number of the pod network's default among all of its kind: other NICs' follow it. */
const FIRST = 2;

/**
 * The network between a pod and a guest that hides behind it, which the core assigns to a NIC: what its author wrote
 * (`vmNetworkCIDR`, `vmIPv6NetworkCIDR`), else KubeVirt's default on the pod network, else one of the NIC's own by its
 * index. A plan has no other there. The text is the author's, and may be none of the family.
 */
export function guestNetwork({ network, index }: Assigned, family: IpFamily): string {
  if (network.kind === "pod")
    return (family === 4 ? network.vmNetworkCidr : network.vmIpv6NetworkCidr) ?? NETWORKS[family];
  const own = FIRST + 1 + index;
  return family === 4 ? `10.0.${own}.0/24` : `fd10:0:${own.toString(16)}::/120`;
}

/**
 * The network of an address from which the pod serves a guest that has the pod's own address: link-local in IPv4, and one
 * that no pod network has in IPv6 (RFC 4193).
 */
export const serverNetwork = ({ index }: Pick<Attachment, "index">, family: IpFamily): string =>
  family === 4 ? `169.254.75.1${index}/32` : `fd4e:6574:6269:${index.toString(16)}::/64`;
