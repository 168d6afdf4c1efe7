import type { NetworkAttachmentDefinition } from "../api.ts";
import { type CniConfigList, type CniPluginConfig, nadConfig } from "./cni-config.ts";

/** What a pod gets from a CNI plugin that makes it a link, of those that are known. */
interface LinkPlugin {
  /** True where the link's address is another plugin's to give, by `ipam`. */
  readonly delegatesIpam: boolean;
  /** True where the link may be a tap or a macvtap, which a hypervisor opens. */
  readonly makesTap: boolean;
  /** True where what it gives may be a PCI device, without a link. */
  readonly givesPci: boolean;
}

const link = (delegatesIpam: boolean, makesTap = false, givesPci = false): LinkPlugin => ({
  delegatesIpam,
  makesTap,
  givesPci,
});

/** CNI plugins that make a link. Of others nothing is claimed. */
const LINK_PLUGINS: ReadonlyMap<string, LinkPlugin> = new Map([
  ["bridge", link(true)],
  ["cnv-bridge", link(true)],
  ["host-device", link(true, false, true)],
  ["ib-sriov", link(true, false, true)],
  ["ipvlan", link(true)],
  ["macvlan", link(true)],
  ["macvtap", link(false, true)],
  ["ovs", link(true, true, true)],
  ["ptp", link(true)],
  ["sriov", link(true, false, true)],
  ["tap", link(true, true)],
  ["vlan", link(true)],
]);

/** CNI plugins that are chained behind one that makes a link, and make none themselves. */
const CHAINED: readonly string[] = [
  "bandwidth",
  "cnv-tuning",
  "firewall",
  "portmap",
  "route-override",
  "sbr",
  "tuning",
  "vrf",
];

/** True for a CNI plugin that names a link of its own in its result, by its `type`. */
export const isLinkPlugin = (type: string): boolean => LINK_PLUGINS.has(type);

/** A network's plugin that makes its link, and what is known of it. */
export interface KnownLink extends LinkPlugin {
  readonly type: string;
  readonly config: CniConfigList;
}

/** The plugin that makes a network's link; undefined where the definition cannot be read, or any of its plugins is not known. */
export function knownLinkOf(nad: NetworkAttachmentDefinition | undefined): KnownLink | undefined {
  const read = nad === undefined ? undefined : nadConfig(nad);
  if (read === undefined || "problem" in read) return undefined;
  const { config } = read;
  const [type, ...others] = config.plugins.map((plugin) => plugin.type).filter((name) => !CHAINED.includes(name));
  const known = type === undefined || others.length > 0 ? undefined : LINK_PLUGINS.get(type);
  return type === undefined || known === undefined ? undefined : { ...known, type, config };
}

/** The plugin that gives a link of this plugin's its address; undefined where none is named. */
export function ipamType(plugin: CniPluginConfig): string | undefined {
  const type = (plugin["ipam"] as { readonly type?: unknown } | null | undefined)?.type;
  return typeof type === "string" && type !== "" ? type : undefined;
}

/** True where a network gives its links no address. */
export const lacksIpam = ({ delegatesIpam, config }: KnownLink): boolean =>
  delegatesIpam && config.plugins.every((plugin) => ipamType(plugin) === undefined);

/** CNI plugins that need the pod's link to keep its MAC address, which bridge takes away. */
export const KEEPS_ITS_MAC: readonly string[] = ["macvlan", "ipvlan"];
