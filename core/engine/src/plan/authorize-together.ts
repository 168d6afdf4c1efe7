import type { DomainPlan, NftMatch, NftPort, NftRule, PasstForward, Plan, Sysctl } from "@netbind/contract";
import { bridgeSysctls } from "../network/bridge-sysctls.ts";
import { serviceSysctls } from "../services/service-processes.ts";
import type { AddIssue, PlanContext } from "./authorize-checks.ts";
import { plannedLinks } from "./planned-links.ts";
import type { PlannedNic } from "./authorize-networks.ts";

/** Every sysctl that a plan comes to: its own, and what the core sets for its links and its services. */
export const plannedSysctls = (plan: Plan): readonly Sysctl[] => [
  ...(plan.network?.sysctls ?? []),
  ...bridgeSysctls(plannedLinks(plan)),
  ...serviceSysctls(plan.services ?? []),
];

/** A port of the pod's that a plan takes for its guest. */
interface Claim {
  readonly path: string;
  readonly protocol: string;
  readonly first: number;
  readonly last: number;
}

const ALL_PORTS = { first: 0, last: 65_535 } as const;

const rangesOf = (ports: readonly NftPort[]): readonly { readonly first: number; readonly last: number }[] =>
  ports.map((port) => (typeof port === "number" ? { first: port, last: port } : { first: port[0], last: port[1] }));

const BOTH = ["tcp", "udp"] as const;

const claimsOfForward = ({ protocol, ports }: PasstForward, path: string): readonly Claim[] =>
  ports.length === 0
    ? [{ path, protocol, ...ALL_PORTS }]
    : ports.map(({ from, to = from }) => ({ path, protocol, first: from, last: to }));

/** The ports on which a plan's own process listens in the pod: QEMU's for a network inside it, and passt's. */
function listenedPorts({ domain }: Plan): readonly Claim[] {
  if (domain.kind === "userNetwork") {
    return domain.forward.map(({ protocol, port, lastPort = port }, at) => ({
      path: `domain.forward[${at}]`,
      protocol: protocol.toLowerCase(),
      first: port,
      last: lastPort,
    }));
  }
  if (domain.kind !== "passt") return [];
  return domain.forward.flatMap((forward, at) => claimsOfForward(forward, `domain.forward[${at}]`));
}

const isLoopbackMatch = (match: NftMatch): boolean =>
  match.kind === "destinationAddress" &&
  match.addresses.some((address) => address.startsWith("127.") || address === "::1");

function claimsOfRule({ family, matches }: NftRule, path: string): readonly Claim[] {
  const ports = matches.flatMap((match) => (match.kind === "destinationPort" ? [match] : []));
  const [first] = ports;
  const words = first === undefined ? BOTH : [first.protocol];
  const ranges = first === undefined ? [ALL_PORTS] : rangesOf(first.ports);
  return words.flatMap((protocol) => ranges.map((range) => ({ path, protocol: `${family} ${protocol}`, ...range })));
}

/** The ports of the pod's loopback that a plan hands to its guest. */
const loopbackPorts = ({ network }: Plan): readonly Claim[] =>
  (network?.nftables ?? []).flatMap(({ rules }, at) =>
    rules.flatMap((rule, index) =>
      rule.verdict.kind === "dnat" && rule.matches.some(isLoopbackMatch)
        ? claimsOfRule(rule, `network.nftables[${at}].rules[${index}]`)
        : [],
    ),
  );

const meets = (a: Claim, b: Claim): boolean => a.protocol === b.protocol && a.first <= b.last && b.first <= a.last;

const formatPorts = ({ protocol, first, last }: Claim): string =>
  first === ALL_PORTS.first && last === ALL_PORTS.last
    ? `every port (${protocol})`
    : `${protocol} port ${first === last ? first : `${first}-${last}`}`;

function checkPorts(own: readonly Claim[], theirs: readonly Claim[], of: string, addIssue: AddIssue): void {
  for (const claim of own) {
    const other = theirs.find((one) => meets(claim, one));
    if (other !== undefined)
      addIssue(
        claim.path,
        `${formatPorts(claim)}${of} is forwarded by the other NIC's plan already (${formatPorts(other)})`,
      );
  }
}

function checkSysctls(own: Plan, theirs: Plan, nic: string, addIssue: AddIssue): void {
  const set = new Map(plannedSysctls(theirs).map(({ key, value }) => [key, value]));
  for (const [at, { key, value }] of plannedSysctls(own).entries()) {
    const other = set.get(key);
    const path = at < (own.network?.sysctls ?? []).length ? `network.sysctls[${at}].value` : "network.sysctls";
    if (other !== undefined && other !== value)
      addIssue(path, `${key} = ${JSON.stringify(value)} contradicts ${JSON.stringify(other)} of NIC "${nic}"`);
  }
}

function checkNames(own: PlannedNic, other: PlannedNic, addIssue: AddIssue): void {
  const { name, pod, names } = other.attachment;
  if (own.attachment.names.pod === names.pod)
    addIssue("network", `pod link "${pod.name}" belongs to NIC "${name}" already`);
  const theirs = new Set([names.pod, ...plannedLinks(other.plan).map((link) => link.name)]);
  for (const [at, link] of plannedLinks(own.plan).entries())
    if (theirs.has(link.name))
      addIssue(`network.links[${at}].name`, `${JSON.stringify(link.name)} is a link of NIC "${name}" already`);
}

/** What of the pod's a domain part takes for its guest alone: the field that names it, and what it is. */
function soleOf(
  domain: DomainPlan,
): { readonly path: string; readonly name: string; readonly what: "device" | "socket" } | undefined {
  switch (domain.kind) {
    case "hostdev":
      return { path: "domain.pciAddress", name: domain.pciAddress, what: "device" };
    case "vdpa":
      return { path: "domain.device", name: domain.device, what: "device" };
    case "vhostuser":
      return { path: "domain.socket", name: domain.socket, what: "socket" };
    default:
      return undefined;
  }
}

function checkSole(own: Plan, theirs: Plan, other: string, addIssue: AddIssue): void {
  const [mine, taken] = [soleOf(own.domain), soleOf(theirs.domain)];
  if (mine !== undefined && mine.path === taken?.path && mine.name === taken.name)
    addIssue(mine.path, `${JSON.stringify(mine.name)} is the ${mine.what} of NIC "${other}" already`);
}

/** Finds what of a plan cannot be beside the plans of the pod's other NICs. Their networks are compared elsewhere. */
export function checkTogether(own: PlanContext, others: readonly PlannedNic[]): void {
  const { addIssue } = own;
  for (const other of others) {
    const { name } = other.attachment;
    checkNames(own, other, addIssue);
    checkSysctls(own.plan, other.plan, name, addIssue);
    checkPorts(listenedPorts(own.plan), listenedPorts(other.plan), ` of the pod`, addIssue);
    checkPorts(loopbackPorts(own.plan), loopbackPorts(other.plan), ` of the pod's loopback`, addIssue);
    checkSole(own.plan, other.plan, name, addIssue);
  }
}
