import type { DomainPlan, LinkPlan, ServicePlan } from "@netbind/contract";

/** What an administrator lets a binding's plans do. Never taken from the plugin's own description. */
export interface Grants {
  readonly linkKinds: readonly LinkPlan["kind"][];
  readonly serviceKinds: readonly ServicePlan["kind"][];
  readonly domainKinds: readonly DomainPlan["kind"][];
  /** Dotted keys of the pod's namespace; `<own>` stands for the name of a link of the NIC's own. */
  readonly sysctls: readonly string[];
}

/** What every binding may do without being asked: wire its own NIC to its own pod link. */
export const STANDARD_GRANTS: Grants = {
  linkKinds: ["bridge", "tap", "adopted", "placeholder"],
  serviceKinds: ["dhcp4", "dhcp6", "ra"],
  domainKinds: ["tap"],
  sysctls: ["net.ipv4.ip_forward", "net.ipv4.conf.<own>.route_localnet", "net.ipv6.conf.all.forwarding", "net.ipv4.conf.all.arp_ignore"],
};

/** What this release's own bindings may do beyond that, by the name that they are registered under. */
const RELEASE_GRANTS: ReadonlyMap<string, Partial<Grants>> = new Map<string, Partial<Grants>>([
  ["sriov", { domainKinds: ["hostdev"] }],
  ["slirp", { domainKinds: ["userNetwork"] }],
  ["passt", { domainKinds: ["device"], sysctls: ["net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start"] }],
]);

/** What a binding may do, by its registered name: whoever registers another image under it grants the same to that. */
export const grantsOf = (binding: string): Grants => ({ ...STANDARD_GRANTS, ...RELEASE_GRANTS.get(binding) });
