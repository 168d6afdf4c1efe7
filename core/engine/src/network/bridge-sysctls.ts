import type { BridgeLink, LinkPlan, Sysctl } from "@netbind/contract";

/** Milliseconds between two questions of who has an address: behind a bridge of a NIC's own there is one guest to ask. */
const ASK_AGAIN = "200";

/** RFC 8200, 5: a link with a smaller MTU has no IPv6, and the kernel has no switches of it there. */
const IPV6_LEAST_MTU = 1280;

/**
 * What the core sets for every bridge, whatever the binding. It takes no router's word: a guest that advertises itself as
 * one changes nothing of its pod. And a guest that just took its address is found at once, not at the next full second.
 * Where the pod's link is handed over, the pod has no IPv6 of its own on the links that carry the guest's frames, but for
 * the addresses that a plan gives the bridge.
 */
export function bridgeSysctls(links: readonly LinkPlan[]): readonly Sysctl[] {
  const adopted = links.filter((link) => link.kind === "adopted");
  const isAdopted = ({ name, addresses }: BridgeLink): boolean =>
    adopted.some(({ bridge }) => bridge === name) && !addresses.some(({ address }) => address.includes(":"));
  return links.flatMap((link) => {
    if (link.kind === "adopted") return link.mtu < IPV6_LEAST_MTU ? [] : [withoutIpv6(link)];
    if (link.kind !== "bridge") return [];
    if (link.mtu < IPV6_LEAST_MTU) return ipv4Sysctls(link);
    return [...ipv4Sysctls(link), ...(isAdopted(link) ? [withoutIpv6(link)] : ipv6Sysctls(link))];
  });
}

const withoutIpv6 = ({ name }: LinkPlan): Sysctl => ({ key: `net.ipv6.conf.${name}.disable_ipv6`, value: "1" });

const ipv4Sysctls = ({ name }: LinkPlan): readonly Sysctl[] => [
  { key: `net.ipv4.neigh.${name}.retrans_time_ms`, value: ASK_AGAIN },
];

const ipv6Sysctls = ({ name }: LinkPlan): readonly Sysctl[] => [
  { key: `net.ipv6.conf.${name}.accept_ra`, value: "0" },
  { key: `net.ipv6.neigh.${name}.retrans_time_ms`, value: ASK_AGAIN },
];
