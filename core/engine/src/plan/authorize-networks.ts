import {
  type Attachment,
  type Cidr,
  guestNetwork,
  type IpFamily,
  parseAddress,
  parseCidr,
  type Plan,
  serverNetwork,
} from "@netbind/contract";
import type { PlanContext } from "./authorize-checks.ts";
import { plannedLinks } from "./planned-links.ts";

/** A NIC of a pod with its plan. */
export interface PlannedNic {
  readonly attachment: Attachment;
  readonly plan: Plan;
}

/** A network that a plan makes, with the path of what makes it. */
interface PlannedNetwork {
  readonly path: string;
  readonly text: string;
  readonly cidr: Cidr;
}

const FIELDS = { 4: "vmNetworkCIDR", 6: "vmIPv6NetworkCIDR" } as const;

/** The networks of a plan: those of its bridges' addresses, and the one inside QEMU. What is not a network is not among them. */
export function plannedNetworks(plan: Plan): readonly PlannedNetwork[] {
  const onBridges = plannedLinks(plan).flatMap((link, at) =>
    link.kind === "bridge"
      ? link.addresses.map(({ address, prefix }, index) => ({
          path: `network.links[${at}].addresses[${index}]`,
          text: `${address}/${prefix}`,
        }))
      : [],
  );
  const { domain } = plan;
  const inQemu = domain.kind === "userNetwork" ? [{ path: "domain.network", text: domain.network }] : [];
  return [...onBridges, ...inQemu].flatMap((one) => {
    const cidr = parseCidr(one.text);
    return cidr === undefined ? [] : [{ ...one, cidr }];
  });
}

const isSame = (a: Cidr, text: string): boolean => {
  const b = parseCidr(text);
  return b !== undefined && a.family === b.family && a.base === b.base && a.prefix === b.prefix;
};

const contains = (outer: Cidr, inner: Cidr): boolean => {
  const shift = BigInt((outer.family === 4 ? 32 : 128) - outer.prefix);
  return outer.prefix <= inner.prefix && outer.base >> shift === inner.base >> shift;
};

/** True where two networks have an address in common. */
const overlap = (a: Cidr, b: Cidr): boolean => a.family === b.family && (contains(a, b) || contains(b, a));

/** The networks of the guest alone: not those that the pod serves a guest from which has the pod's own address. */
const guestNetworks = ({ attachment, plan }: PlannedNic): readonly PlannedNetwork[] =>
  plannedNetworks(plan).filter(({ cidr }) => !isSame(cidr, serverNetwork(attachment, cidr.family)));

/** Finds networks that the core did not assign to the NIC. */
export function checkAssigned({ attachment, plan, addIssue }: PlanContext): void {
  for (const { path, text, cidr } of plannedNetworks(plan)) {
    const of = (family: IpFamily): readonly string[] => [
      guestNetwork(attachment, family),
      serverNetwork(attachment, family),
    ];
    if (
      path === "domain.network"
        ? isSame(cidr, guestNetwork(attachment, 4))
        : of(cidr.family).some((own) => isSame(cidr, own))
    )
      continue;
    addIssue(
      path,
      `${JSON.stringify(text)} is not of a network that is assigned to this NIC (${of(cidr.family).join(", ")}): take it from guestNetwork or serverNetwork of the contract`,
    );
  }
}

/** A network of the pod's that a guest's network must not meet, and what it is. */
interface Taken {
  readonly what: string;
  readonly cidr: Cidr;
}

const HOST_BITS = { 4: 32, 6: 128 } as const;

function hostOf(address: string): Cidr | undefined {
  const parsed = parseAddress(address);
  return parsed && { family: parsed.family, base: parsed.value, prefix: HOST_BITS[parsed.family] };
}

const takenBy = (what: string, cidr: Cidr | undefined): readonly Taken[] =>
  cidr === undefined ? [] : [{ what, cidr }];

/** What a pod link and its resolver take: addresses with their networks, routes but the default one, name servers. */
const takenByPod = ({ name, pod, resolvConf }: Attachment): readonly Taken[] => [
  ...pod.addresses.flatMap((text) => takenBy(`the address ${text} of pod link "${pod.name}"`, parseCidr(text))),
  ...pod.routes
    .filter(({ destination }) => parseCidr(destination)?.prefix !== 0)
    .flatMap(({ destination }) =>
      takenBy(`the route ${destination} of pod link "${pod.name}"`, parseCidr(destination)),
    ),
  ...[...resolvConf.nameservers4, ...resolvConf.nameservers6].flatMap((server) =>
    takenBy(`the name server ${server} of NIC "${name}"`, hostOf(server)),
  ),
];

/** Finds networks of a guest that hide something of the pod's from it, or that two NICs of the pod would have. */
export function findOverlaps(own: PlannedNic, others: readonly PlannedNic[]): readonly string[] {
  const met = (networks: readonly PlannedNetwork[], taken: readonly Taken[], of: string): readonly string[] =>
    networks.flatMap(({ path, text, cidr }) =>
      taken
        .filter((one) => overlap(cidr, one.cidr))
        .map(
          ({ what }) =>
            `${path}: the guest's network ${text}${of} overlaps ${what}: set ${FIELDS[cidr.family]} of the network to another`,
        ),
    );
  const networks = guestNetworks(own);
  return [
    ...met(
      networks,
      [own, ...others].flatMap(({ attachment }) => takenByPod(attachment)),
      "",
    ),
    ...others.flatMap((other) => {
      const { name } = other.attachment;
      const theirs = guestNetworks(other);
      return [
        ...met(
          networks,
          theirs.map(({ text, cidr }) => ({ what: `the network ${text} of NIC "${name}"`, cidr })),
          "",
        ),
        ...met(theirs, takenByPod(own.attachment), ` of NIC "${name}"`),
      ];
    }),
  ];
}
