import {
  addressOf,
  adoptedLinks,
  adoptedSysctls,
  type Attachment,
  type Binding,
  BindingError,
  defineBinding,
  defined,
  type NicSpec,
  parseCidr,
  type PlannedAddress,
  reachableAddresses,
  type Route,
  serverNetwork,
  type ServicePlan,
  type Sysctl,
  type Violation,
  violation,
} from "@netbind/contract";

/** 999 days: KubeVirt's lease, long enough that a guest which is paused keeps its address. */
const LEASE_SECONDS = 999 * 24 * 60 * 60;
/** How long a guest takes the bridge for its router without hearing of it: many times the interval of hearing. */
const ROUTER_LIFETIME_SECONDS = 1800;
const DEFAULT_ROUTES = { 4: "0.0.0.0/0", 6: "::/0" } as const;

/** The DHCP server's address for the guest: an address of the bridge that no network has. */
const serverAddress = (attachment: Attachment): string => addressOf(serverNetwork(attachment, 4));
/** A network of the bridge's own, which no pod network has: servers of IPv6 take an address to serve from. */
const network6 = (attachment: Attachment): string => serverNetwork(attachment, 6);

const familyOf = ({ destination }: Route): 4 | 6 => (destination.includes(":") ? 6 : 4);

/** The pod's routes of a family by this NIC's link. */
const routesOf = ({ pod }: Attachment, family: 4 | 6): readonly Route[] =>
  pod.routes.filter((route) => familyOf(route) === family);

/** True for the route that an address brings along: its own network, on the link. */
function isConnected({ destination, gateway }: Route, address: string): boolean {
  const [network, own] = [parseCidr(destination), parseCidr(address)];
  if (gateway !== undefined || network === undefined || own === undefined) return false;
  const isOwn = destination === `${addressOf(address)}/32`;
  return isOwn || (network.family === own.family && network.prefix === own.prefix && network.base === own.base);
}

/** An address is of use where a route of the pod led to it. */
function refuseUnrouted(attachment: Attachment, address: string): void {
  if (routesOf(attachment, 4).length > 0) return;
  throw new BindingError(
    "PLAN_IMPOSSIBLE",
    `pod link "${attachment.pod.name}" has the address ${address} and no route, so the guest could not use it`,
    "correct the network's CNI plugin, or let it assign no address",
  );
}

const client = (
  { mac }: Attachment,
  address: string,
): { readonly mac: string; readonly address: string; readonly prefix: number } => ({
  mac,
  address: addressOf(address),
  prefix: Number(address.slice(address.indexOf("/") + 1)),
});

/** The DHCP server that hands the pod's own address to the guest. */
function planDhcp4(attachment: Attachment, address: string): ServicePlan {
  const { dhcpOptions, pod, resolvConf } = attachment;
  const ipv4 = routesOf(attachment, 4);
  const routes = ipv4.filter((route) => !isConnected(route, address));
  const router = ipv4.find(
    ({ destination, gateway }) => destination === DEFAULT_ROUTES[4] && gateway !== undefined,
  )?.gateway;
  return {
    kind: "dhcp4",
    link: attachment.names.bridge,
    server: serverAddress(attachment),
    client: client(attachment, address),
    leaseSeconds: LEASE_SECONDS,
    ...defined({ router }),
    nameservers: resolvConf.nameservers4,
    search: resolvConf.search,
    hostname: attachment.hostname,
    mtu: pod.mtu,
    ...defined({ bootFileName: dhcpOptions.bootFileName, tftpServerName: dhcpOptions.tftpServerName }),
    ntpServers: dhcpOptions.ntpServers,
    privateOptions: dhcpOptions.privateOptions,
    ...(routes.length === 0 ? {} : { routes }),
  };
}

/**
 * The pod's own IPv6 address by DHCPv6, and the bridge as the guest's router: a router advertisement names its sender
 * alone, and few pod networks advertise a router of their own. The pod passes on what the guest sends to it.
 */
function planIpv6(attachment: Attachment, address: string): readonly ServicePlan[] {
  const { names, pod, resolvConf } = attachment;
  const hasDefault = routesOf(attachment, 6).some(({ destination }) => destination === DEFAULT_ROUTES[6]);
  return [
    {
      kind: "dhcp6",
      link: names.bridge,
      client: client(attachment, address),
      leaseSeconds: LEASE_SECONDS,
      nameservers: resolvConf.nameservers6,
      search: resolvConf.search,
    },
    {
      kind: "ra",
      link: names.bridge,
      network: network6(attachment),
      onLink: false,
      ...defined({ preference: hasDefault ? undefined : "low" }),
      mtu: pod.mtu,
      routerLifetimeSeconds: ROUTER_LIFETIME_SECONDS,
    },
  ];
}

/** What of the pod's routing goes on by the bridge: to the guest, and where the pod's link led. */
const ipv6Routes = (attachment: Attachment, address: string): readonly Route[] => [
  { destination: `${addressOf(address)}/128` },
  ...routesOf(attachment, 6).filter(({ destination }) => destination !== `${addressOf(address)}/128`),
];

const FORWARDING: Sysctl = { key: "net.ipv6.conf.all.forwarding", value: "1" };

function admit(nic: NicSpec): readonly Violation[] {
  if (!nic.mesh || nic.network.kind !== "pod") return [];
  return [
    violation(
      "bridge",
      "a service mesh is injected, and bridge takes the pod's address from its proxy",
      "use masquerade: {}",
    ),
  ];
}

/**
 * The guest takes the pod's place on the network: the pod's link and the guest's tap are ports of one bridge, and the
 * guest gets the pod link's MAC and, where the network's plugin gave them, its addresses by DHCP.
 */
const bridge: Binding = defineBinding({
  name: "bridge",
  contract: "v1alpha1",
  // The guest has the first pod's address, which the next pod has not. On other networks KubeVirt moves it whatever is said here.
  migration: "none",
  takesPodMac: true,
  admit,
  plan: (attachment) => {
    const [ipv4] = reachableAddresses(attachment, 4);
    const [ipv6] = reachableAddresses(attachment, 6);
    if (ipv4 !== undefined) refuseUnrouted(attachment, ipv4);
    const servers: readonly PlannedAddress[] = [
      ...(ipv4 === undefined ? [] : [{ address: serverAddress(attachment), prefix: 32 }]),
      ...(ipv6 === undefined
        ? []
        : [{ address: `${addressOf(network6(attachment))}1`, prefix: parseCidr(network6(attachment))?.prefix ?? 64 }]),
    ];
    const services = [
      ...(ipv4 === undefined ? [] : [planDhcp4(attachment, ipv4)]),
      ...(ipv6 === undefined ? [] : planIpv6(attachment, ipv6)),
    ];
    return {
      network: {
        links: adoptedLinks(attachment, servers, ipv6 === undefined ? [] : ipv6Routes(attachment, ipv6)),
        sysctls: [...adoptedSysctls(attachment), ...(ipv6 === undefined ? [] : [FORWARDING])],
      },
      ...(services.length === 0 ? {} : { services }),
      domain: { kind: "tap" },
    };
  },
});

export default bridge;
