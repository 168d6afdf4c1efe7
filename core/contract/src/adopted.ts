import type { Attachment, Route } from "./attachment.ts";
import { addressOf, parseAddress } from "./net.ts";
import type { LinkPlan, PlannedAddress, Sysctl } from "./plan.ts";

/** Loopback, link-local, multicast and "this host" addresses: no other machine can reach a pod by them. */
const UNREACHABLE = { 4: /^(127|169\.254|22[4-9]|23\d|0)\./, 6: /^(::1?$|fe[89ab]|ff)/ } as const;

/** The pod link's addresses of a family that others can reach, as `address/prefix`. */
export const reachableAddresses = ({ pod }: Attachment, family: 4 | 6): readonly string[] =>
  pod.addresses.filter((text) => {
    const address = addressOf(text);
    return parseAddress(address)?.family === family && !UNREACHABLE[family].test(address);
  });

const planned = (text: string): PlannedAddress => ({
  address: addressOf(text),
  prefix: Number(text.slice(text.indexOf("/") + 1)),
});

/** An address of the bridge's own that no pod and no guest has: the pod link's, with one bit of its first byte turned. */
const bridgeMac = (mac: string): string =>
  `${((Number.parseInt(mac.slice(0, 2), 16) ^ 0x40) | 0x02).toString(16).padStart(2, "0")}${mac.slice(2)}`;

/**
 * The links of a NIC whose pod link is handed over to the guest's side: a bridge with the pod's link and the tap as its
 * ports, and a placeholder with the pod link's name, MAC and addresses. The guest may then have that MAC itself.
 */
export function adoptedLinks(
  attachment: Attachment,
  bridgeAddresses: readonly PlannedAddress[],
  bridgeRoutes: readonly Route[] = [],
): readonly LinkPlan[] {
  const { names, pod, queues } = attachment;
  const bridge = {
    kind: "bridge",
    name: names.bridge,
    mac: bridgeMac(pod.mac),
    mtu: pod.mtu,
    addresses: bridgeAddresses,
  } as const;
  return [
    bridgeRoutes.length === 0 ? bridge : { ...bridge, routes: bridgeRoutes },
    { kind: "adopted", name: names.adopted, bridge: names.bridge, mtu: pod.mtu },
    { kind: "tap", name: names.tap, mtu: pod.mtu, queues, bridge: names.bridge },
    { kind: "placeholder", name: names.pod, mac: pod.mac, mtu: pod.mtu, addresses: pod.addresses.map(planned) },
  ];
}

/** The pod answers for no address that its guest has now. */
export const adoptedSysctls = (attachment: Attachment): readonly Sysctl[] =>
  reachableAddresses(attachment, 4).length > 0 ? [{ key: "net.ipv4.conf.all.arp_ignore", value: "1" }] : [];
