import { defined, type PodLink, type Route } from "@netbind/contract";
import type { NftJson } from "./nft-json.ts";

/** A link of a network namespace, as the kernel shows it. */
export interface ObservedLink {
  readonly name: string;
  /** `bridge`, `tun`, `veth`, ...; absent for the loopback. */
  readonly kind?: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** True where the other end is there: of a tap, where a hypervisor has it open. */
  readonly carrier: boolean;
  /** The bridge that it is a port of. */
  readonly controller?: string;
  /** Of a bridge's port: whether it learns who is behind it. */
  readonly learning?: boolean;
  /** `address/prefix`, without link-local ones. */
  readonly addresses: readonly string[];
  readonly tap?: { readonly uid: number; readonly gid: number; readonly multiQueue: boolean };
}

/** What was found in a network namespace. */
export interface ObservedNetwork {
  readonly links: readonly ObservedLink[];
  /** Routes of the main table, with the link that each leaves by. */
  readonly routes: readonly (Route & { readonly link: string })[];
  /** Values of the sysctls that were asked for, by dotted key; one that is not there is missing. */
  readonly sysctls: Readonly<Record<string, string>>;
  /**
   * The listing of the table that was asked for, normalized; null where there is none, absent where it was not read.
   */
  readonly table?: readonly NftJson[] | null;
}

/** Kinds of the kernel that a hypervisor opens as they are. */
const OPENED: readonly (string | undefined)[] = ["tun", "macvtap"];

/** The pod link of a name, as a plan sees it; undefined where there is none. `tap` is the reserved name of its NIC's tap. */
export function podLinkOf(observed: ObservedNetwork, name: string, tap?: string): PodLink | undefined {
  const link = observed.links.find((candidate) => candidate.name === name);
  if (link === undefined) return undefined;
  const routes = observed.routes.filter((route) => route.link === name).map(({ link: _, ...route }) => route);
  const opened = [tap, name].find((candidate) =>
    observed.links.some((one) => one.name === candidate && OPENED.includes(one.kind)),
  );
  return { name, mac: link.mac, mtu: link.mtu, addresses: link.addresses, routes, ...defined({ tap: opened }) };
}
