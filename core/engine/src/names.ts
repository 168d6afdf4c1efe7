import type { NicNames } from "@netbind/contract";
import type { VmiNetwork } from "./api.ts";
import { sha256 } from "./sha256.ts";

/** True for the network that is the pod's own: `pod`, or a multus network that replaces it. */
export const isPrimary = (network: VmiNetwork): boolean => network.pod !== undefined || network.multus?.default === true;

/**
 * The names that the core reserves for a NIC, KubeVirt's hashed scheme: `eth0`, `tap0`, `k6t-eth0` on the primary
 * network; eleven digits of the logical name's SHA-256 elsewhere, so that the longest is the kernel's limit of 15.
 */
export function nicNames(network: VmiNetwork): NicNames {
  if (isPrimary(network)) return { pod: "eth0", tap: "tap0", bridge: "k6t-eth0" };
  const hash = sha256(network.name).slice(0, 11);
  return { pod: `pod${hash}`, tap: `tap${hash}`, bridge: `k6t-${hash}` };
}
