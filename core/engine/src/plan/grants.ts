import type { DomainPlan, LinkPlan, ServicePlan, Violation } from "@netbind/contract";
import { ANNOTATION, CAPABILITY, check, closed, form, list, map, RESOURCE, word } from "@netbind/contract/shape";

/** What an administrator lets a binding's plans do. Never taken from the plugin's own description. */
export interface Grants {
  readonly linkKinds: readonly LinkPlan["kind"][];
  readonly serviceKinds: readonly ServicePlan["kind"][];
  readonly domainKinds: readonly DomainPlan["kind"][];
  /** Dotted keys of the pod's namespace; `<own>` stands for the name of a link of the NIC's own. */
  readonly sysctls: readonly string[];
  /** Linux capabilities that the compute container gets for the binding's NICs, beyond NET_BIND_SERVICE. */
  readonly capabilities: readonly string[];
  /** Resources of devices that the compute container gets for them, such as `example.com/device`. */
  readonly devices: readonly string[];
  /** Annotations that the pod gets for them, by name. */
  readonly annotations: readonly string[];
}

/** What bindings are granted, by the name that they are registered under: each list replaces the standard one. */
export type GrantsByBinding = Readonly<Record<string, Partial<Grants>>>;

/** What every binding may do without being asked: wire its own NIC to its own pod link. */
export const STANDARD_GRANTS: Grants = {
  linkKinds: ["bridge", "tap", "adopted", "placeholder"],
  serviceKinds: ["dhcp4", "dhcp6", "ra"],
  domainKinds: ["tap"],
  sysctls: [
    "net.ipv4.ip_forward",
    "net.ipv4.conf.<own>.route_localnet",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.conf.all.arp_ignore",
  ],
  capabilities: [],
  devices: [],
  annotations: [],
};

/** What a binding may do whose grants are not valid. */
const NOTHING: Grants = { ...STANDARD_GRANTS, linkKinds: [], serviceKinds: [], domainKinds: [], sysctls: [] };

/** What a binding may do, by its registered name: another image that is registered under it is granted the same. */
export const grantsOf = (binding: string, given: GrantsByBinding = {}): Grants => ({
  ...STANDARD_GRANTS,
  ...(Object.hasOwn(given, binding) ? given[binding] : {}),
});

/** Grants with others over them: a list of a binding that `over` has replaces that of `base`. */
export const withGrants = (base: GrantsByBinding, over: GrantsByBinding): GrantsByBinding => {
  const names = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...names].map((name) => [name, { ...ownOf(base, name), ...ownOf(over, name) }]));
};

const ownOf = (grants: GrantsByBinding, name: string): Partial<Grants> | undefined =>
  Object.hasOwn(grants, name) ? grants[name] : undefined;

const LINK_KINDS = ["bridge", "tap", "adopted", "placeholder"] as const satisfies readonly LinkPlan["kind"][];
const SERVICE_KINDS = ["dhcp4", "dhcp6", "ra"] as const satisfies readonly ServicePlan["kind"][];
const DOMAIN_KINDS = [
  "tap",
  "passt",
  "vhostuser",
  "vdpa",
  "userNetwork",
  "hostdev",
] as const satisfies readonly DomainPlan["kind"][];
/** A key of a network namespace, with dots; a link's name in it is the NIC's own. */
const SYSCTL = /^net(\.(<own>|[a-z0-9_-]+))+$/;
const GRANTS = map(
  closed({
    linkKinds: list(word(...LINK_KINDS)),
    serviceKinds: list(word(...SERVICE_KINDS)),
    domainKinds: list(word(...DOMAIN_KINDS)),
    sysctls: list(
      form(
        "a dotted key of a pod's network such as net.ipv4.conf.<own>.proxy_arp",
        (value) => typeof value === "string" && SYSCTL.test(value),
      ),
    ),
    capabilities: list(CAPABILITY),
    devices: list(RESOURCE),
    annotations: list(ANNOTATION),
  }),
);

/** All that is wrong with an administrator's grants: an object of them by the names that bindings are registered under. */
export const checkGrants = (grants: unknown): readonly Violation[] => check(grants, GRANTS, "");

/** What a binding of a cluster may do, and what is wrong with what it is granted: then it may do nothing. */
export interface ClusterGrants {
  readonly grants: Grants;
  readonly problems: readonly Violation[];
}

/** Without what is null: it stands for a field that is not there. */
const withoutNulls = (grants: object): Partial<Grants> =>
  Object.fromEntries(Object.entries(grants).filter(([, list]) => list !== null));

/**
 * What the administrator of a cluster lets a binding do, by its registered name: never what its plugin says of itself.
 *
 * @param given  `spec.grants` of its NetworkBinding, as it is there
 * @param released  what this release's bindings may do as long as nobody says otherwise
 * @param over  lists that stand above those of the cluster
 */
export function clusterGrants(
  name: string,
  given: unknown,
  released: GrantsByBinding,
  over: GrantsByBinding = {},
): ClusterGrants {
  const problems = checkGrants({ [name]: given ?? {} });
  if (problems.length > 0) return { grants: NOTHING, problems };
  const ofCluster = withGrants(released, { [name]: withoutNulls((given ?? {}) as object) });
  return { grants: grantsOf(name, withGrants(ofCluster, over)), problems };
}
