import {
  addressOf,
  type Attachment,
  type Binding,
  BindingError,
  type Cidr,
  cidrHost,
  defineBinding,
  defined,
  guestNetwork,
  type IpFamily,
  type NftChain,
  type NftMatch,
  type NftRule,
  type NftVerdict,
  type NicSpec,
  normalizeMac,
  parseCidr,
  reachableAddresses,
  RESERVED_BRIDGE_MAC,
  type ServicePlan,
  type Violation,
  violation,
} from "@netbind/contract";

/** What differs between the two families. */
const FAMILIES = {
  4: { words: "IPv4", nft: "ip", example: "10.0.2.0/24", field: "vmNetworkCIDR", loopback: "127.0.0.1", longest: 30 },
  6: {
    words: "IPv6",
    nft: "ip6",
    example: "fd10:0:2::/120",
    field: "vmIPv6NetworkCIDR",
    loopback: "::1",
    longest: 126,
  },
} as const;
/** Where Istio's Envoy connects from when it hands traffic to the workload. */
const ENVOY_SOURCE = "127.0.0.6";
/** Ports of the pod's loopback that KubeVirt's migration proxy listens on without its unix transport. */
const MIGRATION_PORTS = [49152, 49153] as const;
/** Ports that Istio's sidecar keeps for itself. */
const ISTIO_PORTS = [15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090] as const;
/** The one port that reaches the guest past Envoy. */
const SSH_PORT = 22;
/** The bridge of a NIC on the pod network, which is the only one that masquerade serves. */
const POD_BRIDGE = "k6t-eth0";
/** 999 days: KubeVirt's lease, long enough that a guest which is paused keeps its address. */
const LEASE_SECONDS = 999 * 24 * 60 * 60;
/** Half an hour: a guest hears of its router every minute. */
const ROUTER_LIFETIME_SECONDS = 1800;

/** The addresses of the little network between the pod and its guest, in one family. */
interface GuestNetwork {
  readonly family: IpFamily;
  readonly cidr: string;
  readonly gateway: string;
  readonly guest: string;
  readonly prefix: number;
  /** The pod's own address that the guest hides behind. */
  readonly pod: string;
}

/**
 * The network that is the guest's in a family: of a NIC of which only its author's text is known, that of the pod
 * network.
 */
const networkText = (nic: NicSpec | Attachment, family: IpFamily): string =>
  guestNetwork("index" in nic ? nic : { network: nic.network, index: 0 }, family);

/** A network of the family with room for a gateway and a guest; undefined where the text is none. */
function parseGuestNetwork(text: string, family: IpFamily): Cidr | undefined {
  const cidr = parseCidr(text);
  return cidr?.family === family && cidr.prefix <= FAMILIES[family].longest ? cidr : undefined;
}

function admit(nic: NicSpec): readonly Violation[] {
  const violations: Violation[] = [];
  if (nic.network.kind !== "pod") {
    violations.push(
      violation(
        "name",
        `masquerade serves the pod network only, and "${nic.name}" is a multus network`,
        "use bridge on this network",
      ),
    );
  }
  for (const family of [4, 6] as const) {
    const { words, field, longest, example } = FAMILIES[family];
    const text = networkText(nic, family);
    if (parseGuestNetwork(text, family) !== undefined) continue;
    violations.push(
      violation(
        `network.pod.${field}`,
        `"${text}" is not a valid ${words} network with room for a gateway and a guest`,
        `write address/prefix with a prefix of at most ${longest}, such as "${example}"`,
      ),
    );
  }
  if (nic.macAddress !== undefined && normalizeMac(nic.macAddress) === RESERVED_BRIDGE_MAC) {
    violations.push(
      violation("macAddress", `${nic.macAddress} is the in-pod bridge's own address`, "choose another MAC address"),
    );
  }
  return violations;
}

/** The pod's first address of a family that others can reach it by. */
const podAddress = (attachment: Attachment, family: IpFamily): string | undefined =>
  reachableAddresses(attachment, family).map(addressOf)[0];

/** True where an address lies in a network. */
function contains(network: string, address: string): boolean {
  const cidr = parseCidr(network);
  return cidr !== undefined && parseCidr(`${address}/${cidr.prefix}`)?.base === cidr.base;
}

const from = (...addresses: readonly string[]): NftMatch => ({ kind: "sourceAddress", addresses });
const to = (...addresses: readonly string[]): NftMatch => ({ kind: "destinationAddress", addresses });
const tcpPorts = (...ports: readonly number[]): NftMatch => ({ kind: "destinationPort", protocol: "tcp", ports });

/** The rules of one NIC in one family: who gets to the guest, by which chain, and as whom the guest's traffic leaves. */
class MasqueradeRules {
  readonly prerouting: NftRule[] = [];
  readonly output: NftRule[] = [];
  readonly postrouting: NftRule[] = [];
  readonly #inbound: NftMatch;
  readonly #toBridge: NftMatch;
  readonly #guest: GuestNetwork;

  constructor({ names }: Attachment, guest: GuestNetwork) {
    this.#guest = guest;
    this.#inbound = { kind: "inputInterface", name: names.pod };
    this.#toBridge = { kind: "outputInterface", name: names.bridge };
    this.postrouting.push(this.#rule({ kind: "masquerade" }, from(guest.guest)));
  }

  #rule(verdict: NftVerdict, ...matches: readonly NftMatch[]): NftRule {
    return { family: FAMILIES[this.#guest.family].nft, matches, verdict };
  }

  /** Traffic of the pod's own loopback to these ports stays the pod's. */
  keepLocal(ports: readonly number[]): void {
    const { loopback } = FAMILIES[this.#guest.family];
    this.output.push(this.#rule({ kind: "return" }, tcpPorts(...ports), from(loopback)));
    this.postrouting.push(this.#rule({ kind: "return" }, this.#toBridge, tcpPorts(...ports), from(loopback)));
  }

  /** Traffic that comes to the pod goes to the guest. */
  forwardInbound(port?: NftMatch): void {
    this.prerouting.push(
      this.#rule({ kind: "dnat", to: this.#guest.guest }, this.#inbound, ...(port === undefined ? [] : [port])),
    );
  }

  /** Traffic of the pod's own processes goes to the guest, and looks as if the gateway had sent it. */
  forwardLocal(destinations: readonly string[], sources: readonly string[], port?: NftMatch): void {
    const ports = port === undefined ? [] : [port];
    this.output.push(this.#rule({ kind: "dnat", to: this.#guest.guest }, to(...destinations), ...ports));
    this.postrouting.push(
      this.#rule({ kind: "snat", to: this.#guest.gateway }, this.#toBridge, ...ports, from(...sources)),
    );
  }
}

function familyRules(attachment: Attachment, guest: GuestNetwork): MasqueradeRules {
  const { mesh, ports, migrationTransport } = attachment;
  const { loopback } = FAMILIES[guest.family];
  const rules = new MasqueradeRules(attachment, guest);
  if (migrationTransport === "ports") rules.keepLocal(MIGRATION_PORTS);
  // Envoy reaches the workload by the pod's IPv4 address, and by the loopback's in both families.
  const envoy = mesh && guest.family === 4;
  const destinations = envoy ? [loopback, guest.pod] : [loopback];
  const sources = envoy ? [loopback, ENVOY_SOURCE] : [loopback];
  if (ports.length === 0) {
    if (mesh) rules.keepLocal(ISTIO_PORTS);
    rules.forwardInbound(mesh ? tcpPorts(SSH_PORT) : undefined);
    rules.forwardLocal(destinations, sources);
  }
  for (const { protocol, port, lastPort } of ports) {
    const range = lastPort === undefined ? port : ([port, lastPort] as const);
    const match: NftMatch = { kind: "destinationPort", protocol: protocol === "UDP" ? "udp" : "tcp", ports: [range] };
    // In a mesh Envoy takes what comes in and reaches the guest by the output rule; ssh alone goes past it.
    if (!mesh || (port === SSH_PORT && protocol === "TCP")) rules.forwardInbound(match);
    rules.forwardLocal(destinations, sources, match);
  }
  return rules;
}

function planRules(attachment: Attachment, guests: readonly GuestNetwork[]): readonly NftChain[] {
  const families = guests.map((guest) => familyRules(attachment, guest));
  return [
    {
      name: "prerouting",
      base: { type: "nat", hook: "prerouting", priority: -100 },
      rules: families.flatMap(({ prerouting }) => prerouting),
    },
    {
      name: "output",
      base: { type: "nat", hook: "output", priority: -100 },
      rules: families.flatMap(({ output }) => output),
    },
    {
      name: "postrouting",
      base: { type: "nat", hook: "postrouting", priority: 100 },
      rules: families.flatMap(({ postrouting }) => postrouting),
    },
  ];
}

function planDhcp4(attachment: Attachment, guest: GuestNetwork): ServicePlan {
  const { dhcpOptions, resolvConf } = attachment;
  return {
    kind: "dhcp4",
    link: attachment.names.bridge,
    server: guest.gateway,
    client: { mac: attachment.mac, address: guest.guest, prefix: guest.prefix },
    leaseSeconds: LEASE_SECONDS,
    router: guest.gateway,
    nameservers: resolvConf.nameservers4,
    search: resolvConf.search,
    hostname: attachment.hostname,
    mtu: attachment.pod.mtu,
    ...defined({ bootFileName: dhcpOptions.bootFileName, tftpServerName: dhcpOptions.tftpServerName }),
    ntpServers: dhcpOptions.ntpServers,
    privateOptions: dhcpOptions.privateOptions,
  };
}

/** IPv6 configures itself: the address by DHCPv6, the default route and the MTU by router advertisements. */
function planIpv6(attachment: Attachment, guest: GuestNetwork): readonly ServicePlan[] {
  const { mac, names, pod, resolvConf } = attachment;
  return [
    {
      kind: "dhcp6",
      link: names.bridge,
      client: { mac, address: guest.guest, prefix: guest.prefix },
      leaseSeconds: LEASE_SECONDS,
      nameservers: resolvConf.nameservers6,
      search: resolvConf.search,
    },
    {
      kind: "ra",
      link: names.bridge,
      network: guest.cidr,
      mtu: pod.mtu,
      routerLifetimeSeconds: ROUTER_LIFETIME_SECONDS,
    },
  ];
}

/** The guest's networks: one for each family that the pod has. @throws BindingError PLAN_IMPOSSIBLE */
function guestNetworks(attachment: Attachment): readonly GuestNetwork[] {
  const { pod } = attachment;
  const networks = ([4, 6] as const).flatMap((family): readonly GuestNetwork[] => {
    const address = podAddress(attachment, family);
    if (address === undefined) return [];
    const { words, field } = FAMILIES[family];
    const text = networkText(attachment, family);
    const cidr = parseGuestNetwork(text, family);
    if (cidr === undefined) {
      throw new BindingError(
        "PLAN_IMPOSSIBLE",
        `"${text}" is not a valid ${words} network for a guest`,
        `set ${field} to a larger network`,
      );
    }
    if (contains(text, address)) {
      throw new BindingError(
        "PLAN_IMPOSSIBLE",
        `the guest's network ${text} contains the pod's own address ${address}, so the two cannot be distinguished`,
        `set ${field} to a network that the pod network does not use`,
      );
    }
    const base = `${cidrHost(cidr, 0)}/${cidr.prefix}`;
    return [
      { family, cidr: base, gateway: cidrHost(cidr, 1), guest: cidrHost(cidr, 2), prefix: cidr.prefix, pod: address },
    ];
  });
  if (networks.length > 0) return networks;
  throw new BindingError(
    "PLAN_IMPOSSIBLE",
    `pod link "${pod.name}" has no address to hide the guest behind (it has: ${pod.addresses.join(", ") || "none"})`,
    "give the pod network an IPv4 or IPv6 address",
  );
}

/**
 * The guest gets an address of its own behind the pod's: what comes to the pod on a listed port goes to the guest
 * (on every port where none is listed), and what the guest sends leaves as the pod.
 */
const masquerade: Binding = defineBinding({
  name: "masquerade",
  contract: "v1alpha1",
  migration: "supported",
  admit,
  // Istio must treat what comes from the bridge as the workload's own traffic. Its older and its newer annotation.
  needs: () => ({
    pod: {
      annotations: {
        "traffic.sidecar.istio.io/kubevirtInterfaces": POD_BRIDGE,
        "istio.io/reroute-virtual-interfaces": POD_BRIDGE,
      },
    },
  }),
  plan: (attachment) => {
    const { names, pod, queues } = attachment;
    const guests = guestNetworks(attachment);
    const has = (family: IpFamily): boolean => guests.some((guest) => guest.family === family);
    return {
      network: {
        links: [
          {
            kind: "bridge",
            name: names.bridge,
            mac: RESERVED_BRIDGE_MAC,
            mtu: pod.mtu,
            addresses: guests.map(({ gateway, prefix }) => ({ address: gateway, prefix })),
          },
          { kind: "tap", name: names.tap, mtu: pod.mtu, queues, bridge: names.bridge },
        ],
        sysctls: [
          ...(has(4)
            ? [
                { key: `net.ipv4.conf.${names.bridge}.route_localnet`, value: "1" },
                { key: "net.ipv4.ip_forward", value: "1" },
              ]
            : []),
          ...(has(6) ? [{ key: "net.ipv6.conf.all.forwarding", value: "1" }] : []),
        ],
        nftables: planRules(attachment, guests),
      },
      services: guests.flatMap((guest) =>
        guest.family === 4 ? [planDhcp4(attachment, guest)] : planIpv6(attachment, guest),
      ),
      domain: { kind: "tap" },
    };
  },
});

export default masquerade;
