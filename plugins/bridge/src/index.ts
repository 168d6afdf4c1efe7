import {
  type Attachment,
  addressOf,
  type Binding,
  BindingError,
  defineBinding,
  handedOverLinks,
  handedOverSysctls,
  type NicSpec,
  reachableAddresses,
  type Route,
  type ServicePlan,
  type Violation,
  violation,
} from "@netbind/contract";

/** 999 days: KubeVirt's lease, long enough that a guest which is paused keeps its address. */
const LEASE_SECONDS = 999 * 24 * 60 * 60;
const DEFAULT_ROUTE = "0.0.0.0/0";

/** What the guest is told to ask and to renew its lease at: an address of the bridge that no network has. */
const serverAddress = ({ index }: Attachment): string => `169.254.75.1${index}`;

const isIpv4 = ({ destination }: Route): boolean => !destination.includes(":");

/** True for the route that an address brings along: its own network, on the link. */
function isConnected({ destination, gateway }: Route, address: string): boolean {
  if (gateway !== undefined) return false;
  const [base = "", length = ""] = address.split("/");
  const bits = (text: string): number => text.split(".").reduce((value, part) => value * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  return (
    destination === `${base}/32` ||
    (destination.endsWith(`/${length}`) && Math.floor(bits(destination.split("/")[0] ?? "") / size) === Math.floor(bits(base) / size))
  );
}

/** An address is of use where a route of the pod led to it. */
function refuseUnrouted({ pod }: Attachment, address: string): void {
  if (pod.routes.some(isIpv4)) return;
  throw new BindingError(
    "PLAN_IMPOSSIBLE",
    `pod link "${pod.name}" has the address ${address} and no route at all, so the guest would reach nobody by it`,
    "mend the network's CNI plugin, or let it give no address",
  );
}

/** The DHCP server that hands the pod's own address to the guest. */
function planDhcp(attachment: Attachment, address: string): ServicePlan {
  const { dhcpOptions, pod, resolvConf } = attachment;
  const ipv4 = pod.routes.filter(isIpv4);
  const routes = ipv4.filter((route) => !isConnected(route, address));
  const router = ipv4.find(({ destination, gateway }) => destination === DEFAULT_ROUTE && gateway !== undefined)?.gateway;
  return {
    kind: "dhcp4",
    link: attachment.names.bridge,
    server: serverAddress(attachment),
    client: { mac: attachment.mac, address: addressOf(address), prefix: Number(address.slice(address.indexOf("/") + 1)) },
    leaseSeconds: LEASE_SECONDS,
    ...(router === undefined ? {} : { router }),
    nameservers: resolvConf.nameservers4,
    search: resolvConf.search,
    hostname: attachment.hostname,
    mtu: pod.mtu,
    ...(dhcpOptions.bootFileName === undefined ? {} : { bootFileName: dhcpOptions.bootFileName }),
    ...(dhcpOptions.tftpServerName === undefined ? {} : { tftpServerName: dhcpOptions.tftpServerName }),
    ntpServers: dhcpOptions.ntpServers,
    privateOptions: dhcpOptions.privateOptions,
    ...(routes.length === 0 ? {} : { routes }),
  };
}

function admit(nic: NicSpec): readonly Violation[] {
  if (!nic.mesh || nic.network.kind !== "pod") return [];
  return [violation("bridge", "a service mesh is injected, and bridge leaves its proxy without the pod's address", "use masquerade: {}")];
}

/**
 * The guest takes the pod's place on the network: the pod's link and the guest's tap are ports of one bridge, and the
 * guest gets the pod link's MAC and, where the network's plugin gave one, its IPv4 address by DHCP.
 */
const bridge: Binding = defineBinding({
  name: "bridge",
  contract: "v1alpha1",
  migration: "none",
  takesPodMac: true,
  admit,
  plan: (attachment) => {
    const [address] = reachableAddresses(attachment, 4);
    if (address !== undefined) refuseUnrouted(attachment, address);
    const server = address === undefined ? [] : [{ address: serverAddress(attachment), prefix: 32 }];
    return {
      network: { links: handedOverLinks(attachment, server), sysctls: handedOverSysctls(attachment) },
      ...(address === undefined ? {} : { services: [planDhcp(attachment, address)] }),
      domain: { kind: "tap" },
    };
  },
});

export default bridge;
