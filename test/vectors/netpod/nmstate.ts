/** A pod's network as the vectors have it: what is observed, in the words of nmstate, and what KubeVirt makes of it. */
import type { VmiInput } from "../vector.ts";

/** The addresses of one family, as nmstate has them. */
export interface Addresses {
  readonly enabled?: boolean;
  readonly address?: readonly { readonly IP: string; readonly "prefix-length": number }[];
}
/** A link as nmstate has it. */
export interface Link {
  readonly name: string;
  readonly type?: string;
  readonly state?: string;
  readonly index?: number;
  readonly "mac-address"?: string;
  readonly "copy-mac-from"?: string;
  readonly mtu?: number;
  readonly controller?: string;
  readonly tap?: { readonly queues?: number };
  readonly IPv4?: Addresses;
  readonly IPv6?: Addresses;
  readonly "linux-stack"?: { readonly "ip4-route-local-net"?: boolean; readonly "port-learning"?: boolean };
}
/** The sysctls of a pod, as KubeVirt has them. */
export interface Stack {
  readonly ipv4?: {
    readonly forwarding?: boolean;
    readonly "arp-ignore"?: number;
    readonly "ping-group-range"?: readonly number[];
    readonly "unprivileged-port-start"?: number;
  };
  readonly ipv6?: { readonly forwarding?: boolean };
}
/** A VM, its pod's network, and how far the network of each NIC was prepared before. */
export type Input = VmiInput & {
  readonly nmstate: {
    readonly interfaces: readonly Link[];
    readonly routes: {
      readonly running: readonly {
        readonly destination: string;
        readonly "next-hop-interface": string;
        readonly "next-hop-address"?: string;
      }[];
    };
  };
  readonly state: Readonly<Record<string, number>>;
};
/** What KubeVirt makes of it. */
export interface Result {
  readonly error: string | null;
  readonly nft: readonly string[] | null;
  readonly spec: { readonly interfaces?: readonly Link[]; readonly "linux-stack"?: Stack } | null;
}

export const addressesOf = ({ IPv4, IPv6 }: Link): readonly string[] =>
  [IPv4, IPv6].flatMap((family) => (family?.address ?? []).map(({ IP, "prefix-length": prefix }) => `${IP}/${prefix}`));
export const isLinkLocal = (address: string): boolean => /^fe80:|^169\.254\.(?!75\.1)/i.test(address);
