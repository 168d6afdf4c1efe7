import type { NicNames } from "@netbind/contract";
import type { Vmi, VmiNetwork } from "../api.ts";
import { sha256 } from "../values/sha256.ts";
import { interfaceStatusOf } from "../vmi.ts";
import { invalidPrimaryLink } from "../errors.ts";

/** The pod's first link, where nothing else is known of it. */
export const PRIMARY_LINK = "eth0";
/** Hexadecimal digits of a hashed name: with the longest suffix, `-nic`, it has the 15 characters that the kernel allows. */
const HASH_DIGITS = 11;

/** True for the network that is the pod's own: `pod`, or a multus network that replaces it. */
export const isPrimary = (network: VmiNetwork): boolean =>
  network.pod !== undefined || network.multus?.default === true;
/** True for a multus network beside the pod's own. */
export const isSecondary = (network: VmiNetwork): boolean =>
  network.multus !== undefined && network.multus.default !== true;

/** True for a name of the older scheme: `net` and a number. */
export const isOrdinalName = (link: string): boolean => /^net\d+$/.test(link);

const hashedName = (name: string): string => `pod${sha256(name).slice(0, HASH_DIGITS)}`;

/** Names of the pod's links by network: `eth0` for the first primary one, and a scheme's for secondary networks. No other has a link. */
function linkNames(
  networks: readonly VmiNetwork[],
  nameOf: (secondary: VmiNetwork, at: number) => string,
): ReadonlyMap<string, string> {
  const primary = networks.find(isPrimary);
  const secondary = networks.filter(isSecondary);
  return new Map([
    ...secondary.map((network, at) => [network.name, nameOf(network, at)] as const),
    ...(primary === undefined ? [] : [[primary.name, PRIMARY_LINK] as const]),
  ]);
}

/** The names of the pod's links by network: `eth0`, and hashed ones for secondary networks. */
export const hashedLinkNames = (networks: readonly VmiNetwork[]): ReadonlyMap<string, string> =>
  linkNames(networks, ({ name }) => hashedName(name));

/** The names of the older scheme: `eth0`, then `net1`, `net2`, ... by a network's place among the secondary ones. */
export const ordinalLinkNames = (networks: readonly VmiNetwork[]): ReadonlyMap<string, string> =>
  linkNames(networks, (_, at) => `net${at + 1}`);

/** The naming scheme of a pod, derived from the links that it has: one ordinal name is enough. */
export const linkNamesOfPod = (
  networks: readonly VmiNetwork[],
  links: readonly string[],
): ReadonlyMap<string, string> => (links.some(isOrdinalName) ? ordinalLinkNames(networks) : hashedLinkNames(networks));

/** What a pod link's name may be for others to be made of it: with `k6t-` or `-nic` no longer than the kernel allows, and without a dot, which ends a word in a sysctl's key. */
const STEM = /^[A-Za-z0-9_-]{1,11}$/;

/**
 * All names of a NIC, derived from its pod link's. KubeVirt puts the link's name, without `pod` before it, into the
 * others; where that is not a valid link name any more, the digits of its hash replace it.
 */
export function derivedNames(network: VmiNetwork, pod: string): NicNames {
  const plain = pod.replace(/^pod/, "");
  const stem = STEM.test(plain) ? plain : sha256(pod).slice(0, HASH_DIGITS);
  return {
    pod,
    tap: isSecondary(network) ? `tap${pod.slice(3)}` : "tap0",
    bridge: `k6t-${stem}`,
    adopted: `${stem}-nic`,
  };
}

/**
 * The names that the core reserves for a NIC, KubeVirt's hashed scheme: `eth0`, `tap0`, `k6t-eth0`, `eth0-nic` on the
 * primary network; eleven digits of the logical name's SHA-256 elsewhere, so that the longest is the kernel's limit of 15.
 */
export const nicNames = (network: VmiNetwork): NicNames =>
  derivedNames(network, isPrimary(network) ? PRIMARY_LINK : hashedName(network.name));

/** What the kernel takes as a link's name, and every encoder here as one word. The loopback is never a NIC. */
const isLinkName = (text: string): boolean => /^[A-Za-z0-9._-]{1,15}$/.test(text) && !/^(lo|\.{1,2})$/.test(text);

/** A pod's primary link by its network-status. @throws BindingError POD_LINK_MISSING where no link can have that name */
export function podLinkOfStatus(link: string): string {
  if (isLinkName(link)) return link;
  throw invalidPrimaryLink(link);
}

/** The name of a network's pod link: what the VMI's status reports for its primary network, else the scheme's. */
export function podLinkName(vmi: Vmi, network: VmiNetwork): string {
  const reported = isSecondary(network) ? undefined : interfaceStatusOf(vmi, network.name)?.podInterfaceName;
  return reported || nicNames(network).pod;
}
