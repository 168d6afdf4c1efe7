import type { Port, Route } from "./attachment.ts";

/** An address that a link gets: `10.0.2.1` and 24. */
export interface PlannedAddress {
  readonly address: string;
  readonly prefix: number;
}

/** A bridge of the NIC's own. */
export interface BridgeLink {
  readonly kind: "bridge";
  readonly name: string;
  readonly mac?: string;
  readonly mtu: number;
  readonly addresses: readonly PlannedAddress[];
  /**
   * Routes of the pod that leave by it, where the pod's own link is handed over to it: those of that link, and one to
   * each of its addresses, which are the guest's then.
   */
  readonly routes?: readonly Route[];
}

/** The tap that the hypervisor opens. Owned by the VM's user. */
export interface TapLink {
  readonly kind: "tap";
  readonly name: string;
  readonly mtu: number;
  /** 0 or 1: a single queue. */
  readonly queues: number;
  /** The bridge that it is a port of. */
  readonly bridge?: string;
}

/**
 * The pod's own link, handed over: renamed, a port of the NIC's bridge, with the bridge's MAC address and no address of
 * its own. It learns no address, so that the guest's frames are never sent back at it.
 */
export interface AdoptedLink {
  readonly kind: "adopted";
  readonly name: string;
  readonly bridge: string;
  readonly mtu: number;
}

/**
 * A link that is down, with the name, the MAC and the addresses that the pod's link had: what looks for them in the pod
 * (the node's CNI check, or a reporter of the pod's address) still finds them.
 */
export interface PlaceholderLink {
  readonly kind: "placeholder";
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly PlannedAddress[];
}

/** A link that the core makes or takes over, keeps as planned, and removes. */
export type LinkPlan = BridgeLink | TapLink | AdoptedLink | PlaceholderLink;

/** One sysctl below `net.`, in dotted form, of the pod's own network namespace. */
export interface Sysctl {
  readonly key: string;
  readonly value: string;
}

/** A port, or a closed range of ports. */
export type NftPort = number | readonly [first: number, last: number];

/** What a packet must be. All matches of a rule must hold. */
export type NftMatch =
  | { readonly kind: "inputInterface"; readonly name: string }
  | { readonly kind: "outputInterface"; readonly name: string }
  | { readonly kind: "sourceAddress"; readonly addresses: readonly string[] }
  | { readonly kind: "destinationAddress"; readonly addresses: readonly string[] }
  | { readonly kind: "destinationPort"; readonly protocol: "tcp" | "udp"; readonly ports: readonly NftPort[] };

/** What happens to a packet that matched. */
export type NftVerdict =
  | { readonly kind: "accept" }
  | { readonly kind: "drop" }
  | { readonly kind: "return" }
  | { readonly kind: "masquerade" }
  | { readonly kind: "dnat"; readonly to: string }
  | { readonly kind: "snat"; readonly to: string }
  | { readonly kind: "jump"; readonly chain: string };

/** One rule, of one address family. */
export interface NftRule {
  readonly family: "ip" | "ip6";
  readonly matches: readonly NftMatch[];
  readonly verdict: NftVerdict;
}

/** Where the kernel calls a chain. */
export interface NftBase {
  readonly type: "nat" | "filter";
  readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
  /** -100 is the kernel's place for destination NAT, 100 for source NAT. */
  readonly priority: number;
}

/** A chain of the NIC's own table; without a base it is only jumped to. */
export interface NftChain {
  readonly name: string;
  readonly base?: NftBase;
  readonly rules: readonly NftRule[];
}

/** What the pod's network looks like when this NIC is attached. The order of links is the order in which they are made. */
export interface NetworkPlan {
  readonly links: readonly LinkPlan[];
  readonly sysctls?: readonly Sysctl[];
  /** The chains of the one nftables table that is this NIC's. */
  readonly nftables?: readonly NftChain[];
}

/** A DHCPv4 server for one guest on one bridge. Texts are data: the core encodes them for the server that it runs. */
export interface Dhcp4Service {
  readonly kind: "dhcp4";
  /** The bridge that it serves on. */
  readonly link: string;
  /** The server's own address, on the bridge. */
  readonly server: string;
  readonly client: { readonly mac: string; readonly address: string; readonly prefix: number };
  readonly leaseSeconds: number;
  readonly router?: string;
  readonly nameservers: readonly string[];
  /** Search domains; the longest is sent as the domain name too (options 119 and 15). */
  readonly search: readonly string[];
  readonly hostname?: string;
  readonly mtu: number;
  readonly bootFileName?: string;
  readonly tftpServerName?: string;
  readonly ntpServers: readonly string[];
  readonly privateOptions: readonly { readonly option: number; readonly value: string }[];
  /** Classless static routes (option 121). A guest that reads them ignores the router. */
  readonly routes?: readonly Route[];
}

/** A DHCPv6 server for one guest on one bridge (RFC 8415, IA_NA). It sends no route: router advertisements do. */
export interface Dhcp6Service {
  readonly kind: "dhcp6";
  /** The bridge that it serves on. */
  readonly link: string;
  readonly client: { readonly mac: string; readonly address: string; readonly prefix: number };
  readonly leaseSeconds: number;
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
}

/** Router advertisements on one bridge (RFC 4861): the default route, the network that is on the link, and the MTU. */
export interface RouterAdvertisementService {
  readonly kind: "ra";
  /** The bridge that it serves on. */
  readonly link: string;
  /** A network of the bridge, as `address/prefix`. No guest makes an address of its own from it. */
  readonly network: string;
  /** False where guests are not to take that network for one that they reach without a router. */
  readonly onLink?: boolean;
  /** `low` where another link's router is the better one for what is in no network (RFC 4191). */
  readonly preference?: "low";
  readonly mtu: number;
  /** 0..9000: how long a guest takes the bridge for its router without hearing of it. */
  readonly routerLifetimeSeconds: number;
}

/** A service that the core runs for this NIC. */
export type ServicePlan = Dhcp4Service | Dhcp6Service | RouterAdvertisementService;

/** A port of the pod's, or a closed range of them: 1..65535. */
export interface PasstPorts {
  readonly from: number;
  /** The last port of a range that begins with `from`; absent for a single port. */
  readonly to?: number;
}

/** The ports of one protocol that passt hands to the guest. */
export interface PasstForward {
  /** Listed once. */
  readonly protocol: "tcp" | "udp";
  /** Empty: every port, but those that the pod's own connections leave by. */
  readonly ports: readonly PasstPorts[];
  /** Ports that stay the pod's. */
  readonly except: readonly PasstPorts[];
}

/**
 * What the guest's device is connected to. The core writes libvirt's XML of it, and fills in all that is not said here: no text
 * of a plan is an element, an attribute's name or a path.
 */
export type DomainPlan =
  /** KubeVirt's own attachment: an ethernet interface on the NIC's tap. The binding's hook changes nothing. */
  | { readonly kind: "tap" }
  /**
   * passt, which libvirt starts on the pod's link: it speaks for the guest with the pod's own addresses. Where its log goes, and
   * how the two are joined, is the core's to know.
   */
  | {
      readonly kind: "passt";
      /** The pod's ports that reach the guest: none of a protocol that is not listed. */
      readonly forward: readonly PasstForward[];
    }
  /** A program that moves a virtio device's packets by vhost-user. The guest's memory is shared with it. */
  | {
      readonly kind: "vhostuser";
      /**
       * The file name of the socket, in the directory that the core keeps for such sockets: a letter or digit, then at most 59
       * letters, digits, dots, `_` and `-`. Of no other NIC of the pod.
       */
      readonly socket: string;
      /** What the hypervisor is. As the server, it starts the guest once a client connected. */
      readonly mode: "server" | "client";
      /** 0 or 1: a single queue. */
      readonly queues: number;
    }
  /** A vDPA device of the node's, whose data path a virtio device of the guest's is: one of those that the pod was allocated. */
  | {
      readonly kind: "vdpa";
      /** The name of its character device, such as `vhost-vdpa-0`: one of the attachment's `allocatedDevices`. */
      readonly device: string;
    }
  /**
   * A network inside QEMU, by its options: nothing of the pod's network is touched, and the domain has no interface.
   * The device's model, MAC, PCI address, boot order and ACPI index are filled in by the core.
   */
  | {
      readonly kind: "userNetwork";
      /** The guest's network, as `address/prefix`. */
      readonly network: string;
      readonly search: readonly string[];
      /** The pod's ports that reach the guest; all others do not. */
      readonly forward: readonly Port[];
    }
  /**
   * A PCI device of the node's, the guest's as it is: one of those that the pod was allocated. Alias, the guest's own PCI
   * address and boot order are filled in by the core.
   */
  | {
      readonly kind: "hostdev";
      /** `DDDD:BB:SS.F`, hexadecimal. */
      readonly pciAddress: string;
    };

/** What a binding wants for one NIC. Data only: the core checks it, applies the difference, and records it. */
export interface Plan {
  readonly network?: NetworkPlan;
  readonly services?: readonly ServicePlan[];
  readonly domain: DomainPlan;
}
