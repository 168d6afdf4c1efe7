import type { Port, PrivateDhcpOption, Route } from "./attachment.ts";
import type { BindingDefinition } from "./binding-definition.ts";
import type { ComputeNeeds, Needs, PodNeeds, SidecarNeeds } from "./needs.ts";
import type {
  Dhcp4Service,
  DomainPlan,
  LinkPlan,
  NetworkPlan,
  NftBase,
  NftChain,
  NftMatch,
  NftRule,
  NftVerdict,
  PasstForward,
  PasstPorts,
  Plan,
  PlannedAddress,
  ServicePlan,
  Sysctl,
} from "./plan.ts";
import { boolean, form, list, map, optional, record, type Shape, string, variants, word } from "./shape.ts";
import type { Violation } from "./violation.ts";

/** The numbers that the wire takes. */
const wholeNumber = (least: number, most: number): Shape =>
  form(
    `a whole number from ${least} to ${most}`,
    (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
  );
const uint32: Shape = wholeNumber(0, 2 ** 32 - 1);
const sint32: Shape = wholeNumber(-(2 ** 31), 2 ** 31 - 1);
const size: Shape = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const aFunction: Shape = form("a function", (value) => typeof value === "function");

const isPort = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535;
const nftPort: Shape = form(
  "a port, or the first and the last port of a range as a list of two",
  (value) => isPort(value) || (Array.isArray(value) && value.length === 2 && value.every(isPort)),
);

const ROUTE: Shape = record<Route>({ destination: string, gateway: optional(string) });
const ADDRESS: Shape = record<PlannedAddress>({ address: string, prefix: uint32 });

const LINK: Shape = variants<LinkPlan>({
  bridge: { name: string, mac: optional(string), mtu: uint32, addresses: list(ADDRESS), routes: optional(list(ROUTE)) },
  tap: { name: string, mtu: uint32, queues: uint32, bridge: optional(string) },
  adopted: { name: string, bridge: string, mtu: uint32 },
  placeholder: { name: string, mac: string, mtu: uint32, addresses: list(ADDRESS) },
});

const MATCH: Shape = variants<NftMatch>({
  inputInterface: { name: string },
  outputInterface: { name: string },
  sourceAddress: { addresses: list(string) },
  destinationAddress: { addresses: list(string) },
  destinationPort: { protocol: word("tcp", "udp"), ports: list(nftPort) },
});

const VERDICT: Shape = variants<NftVerdict>({
  accept: {},
  drop: {},
  return: {},
  masquerade: {},
  dnat: { to: string },
  snat: { to: string },
  jump: { chain: string },
});

const BASE: Shape = record<NftBase>({
  type: word("nat", "filter"),
  hook: word("prerouting", "input", "forward", "output", "postrouting"),
  priority: sint32,
});

const CHAIN: Shape = record<NftChain>({
  name: string,
  base: optional(BASE),
  rules: list(record<NftRule>({ family: word("ip", "ip6"), matches: list(MATCH), verdict: VERDICT })),
});

const NETWORK: Shape = record<NetworkPlan>({
  links: list(LINK),
  sysctls: optional(list(record<Sysctl>({ key: string, value: string }))),
  nftables: optional(list(CHAIN)),
});

const CLIENT: Shape = record<Dhcp4Service["client"]>({ mac: string, address: string, prefix: uint32 });

const SERVICE: Shape = variants<ServicePlan>({
  dhcp4: {
    link: string,
    server: string,
    client: CLIENT,
    leaseSeconds: uint32,
    router: optional(string),
    nameservers: list(string),
    search: list(string),
    hostname: optional(string),
    mtu: uint32,
    bootFileName: optional(string),
    tftpServerName: optional(string),
    ntpServers: list(string),
    privateOptions: list(record<PrivateDhcpOption>({ option: uint32, value: string })),
    routes: optional(list(ROUTE)),
  },
  dhcp6: { link: string, client: CLIENT, leaseSeconds: uint32, nameservers: list(string), search: list(string) },
  ra: {
    link: string,
    network: string,
    onLink: optional(boolean),
    preference: optional(word("low")),
    mtu: uint32,
    routerLifetimeSeconds: uint32,
  },
});

const PORT: Shape = record<Port>({
  name: optional(string),
  protocol: word("TCP", "UDP"),
  port: uint32,
  lastPort: optional(uint32),
});

const PASST_PORTS: Shape = list(record<PasstPorts>({ from: uint32, to: optional(uint32) }));
const PASST_FORWARD: Shape = record<PasstForward>({
  protocol: word("tcp", "udp"),
  ports: PASST_PORTS,
  except: PASST_PORTS,
});

const DOMAIN: Shape = variants<DomainPlan>({
  tap: {},
  passt: { forward: list(PASST_FORWARD) },
  vhostuser: { socket: string, mode: word("server", "client"), queues: uint32 },
  vdpa: { device: string },
  userNetwork: { network: string, search: list(string), forward: list(PORT) },
  hostdev: { pciAddress: string },
});

/** What `plan` returns. */
export const PLAN_SHAPE: Shape = record<Plan>({
  network: optional(NETWORK),
  services: optional(list(SERVICE)),
  domain: DOMAIN,
});

const matching = (expected: string, pattern: RegExp): Shape =>
  form(expected, (value) => typeof value === "string" && pattern.test(value));
/** A Linux capability, without its prefix. */
export const CAPABILITY: Shape = matching("a capability such as NET_RAW", /^[A-Z][A-Z_]{1,30}$/);
/** A resource of devices, as Kubernetes names those that nodes add. */
export const RESOURCE: Shape = matching(
  "the name of a resource such as example.com/device",
  /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
);
/** The name of an annotation. */
export const ANNOTATION: Shape = matching(
  "the name of an annotation such as example.com/name",
  /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
);

/** What `needs` returns. */
export const NEEDS_SHAPE: Shape = record<Needs>({
  compute: optional(
    record<ComputeNeeds>({
      capabilities: optional(list(CAPABILITY)),
      devices: optional(map(uint32, RESOURCE)),
      memoryOverheadBytes: optional(size),
    }),
  ),
  pod: optional(record<PodNeeds>({ annotations: optional(map(string, ANNOTATION)) })),
  sidecar: optional(record<SidecarNeeds>({ memoryBytes: optional(size), cpuMillis: optional(uint32) })),
});

const sentence: Shape = form("a non-empty string", (value) => typeof value === "string" && value.trim() !== "");

/** What `admit` returns. */
export const VIOLATIONS_SHAPE: Shape = list(record<Violation>({ field: string, problem: sentence, fix: sentence }));

/** A part of file names and of sockets' names. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

/** What an author defines. */
export const DEFINITION_SHAPE: Shape = record<BindingDefinition>({
  name: form(
    "a name of at most 63 lower-case letters, digits, hyphens and dots",
    (value) => typeof value === "string" && NAME.test(value),
  ),
  contract: word("v1alpha1"),
  migration: word("none", "supported", "link-refresh"),
  plan: aFunction,
  takesPodMac: optional(boolean),
  admit: optional(aFunction),
  needs: optional(aFunction),
});
