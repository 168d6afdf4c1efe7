import {
  addressOf,
  type NftBase,
  type NftChain,
  type NftMatch,
  type NftRule,
  parseAddress,
  parseCidr,
} from "@netbind/contract";
import { RESERVED_CHAIN } from "../network/loopback-guard.ts";
import { type AddIssue, isIntegerIn } from "./authorize-checks.ts";

/** A plan's chains, with what a NIC's rules may speak of. */
export interface NftContext {
  readonly chains: readonly NftChain[];
  readonly links: readonly string[];
  /** `address/prefix` of the plan's own bridges. */
  readonly networks: readonly string[];
  /** `address/prefix` of the pod's link. */
  readonly podAddresses: readonly string[];
  readonly addIssue: AddIssue;
}

const MOST_CHAINS = 16;
const MOST_RULES = 20_000;
const MOST_PRIORITY = 1000;
const LAST_PORT = 65_535;
const HOOKS = {
  nat: ["prerouting", "input", "output", "postrouting"],
  filter: ["prerouting", "input", "forward", "output", "postrouting"],
} as const;

function isWithin(address: string, network: string): boolean {
  const cidr = parseCidr(network);
  const same = cidr && parseCidr(`${address}/${cidr.prefix}`);
  return cidr !== undefined && same !== undefined && same.family === cidr.family && same.base === cidr.base;
}

const familyOf = ({ family }: NftRule): 4 | 6 => (family === "ip" ? 4 : 6);

const isLoopback = (address: string): boolean => address === "::1" || address.startsWith("127.");

/** True where a match ties its rule to this NIC: to a link of its own, or to addresses that are its pod's or its guest's. */
function isAnchor(match: NftMatch, bounds: NftContext): boolean {
  switch (match.kind) {
    case "inputInterface":
    case "outputInterface":
      return bounds.links.includes(match.name);
    case "sourceAddress":
    case "destinationAddress":
      return match.addresses.every(
        (address) =>
          bounds.podAddresses.some((own) => addressOf(own) === address) ||
          bounds.networks.some((network) => isWithin(address, network)),
      );
    case "destinationPort":
      return false;
    default:
      return match satisfies never;
  }
}

/** True where a match speaks of the pod's loopback, alone or with addresses that are this NIC's. */
const isOfLoopback = (match: NftMatch, bounds: NftContext): boolean =>
  (match.kind === "sourceAddress" || match.kind === "destinationAddress") &&
  match.addresses.some(isLoopback) &&
  isAnchor({ ...match, addresses: match.addresses.filter((address) => !isLoopback(address)) }, bounds);

/**
 * True where a rule is limited to this NIC. The loopback is the whole pod's, so that it limits a rule to a NIC only together
 * with a link of the NIC's own; but for two rules of the pod's own traffic, which leave everybody else's as it is: one that
 * hands it to this NIC's guest, and one that returns, by which a plan takes nothing.
 */
function isLimited({ matches, verdict }: NftRule, chain: NftChain, bounds: NftContext): boolean {
  if (matches.some((match) => isAnchor(match, bounds))) return true;
  if (
    !matches.some((match) => isOfLoopback(match, bounds)) ||
    chain.base?.type !== "nat" ||
    chain.base.hook !== "output"
  )
    return false;
  return (
    verdict.kind === "return" ||
    (verdict.kind === "dnat" && bounds.networks.some((network) => isWithin(verdict.to, network)))
  );
}

function checkMatch(context: NftContext, path: string, match: NftMatch, family: 4 | 6): void {
  const { links, addIssue } = context;
  switch (match.kind) {
    case "inputInterface":
    case "outputInterface":
      if (!links.includes(match.name))
        addIssue(`${path}.name`, `${JSON.stringify(match.name)} is not a link of this NIC (${links.join(", ")})`);
      return;
    case "sourceAddress":
    case "destinationAddress":
      if (match.addresses.length === 0) addIssue(`${path}.addresses`, "a match needs an address");
      for (const address of match.addresses) {
        if (parseAddress(address)?.family !== family)
          addIssue(`${path}.addresses`, `${JSON.stringify(address)} is not a valid IPv${family} address`);
      }
      return;
    case "destinationPort":
      return checkPorts(context, path, match);
    default:
      match satisfies never;
  }
}

function checkPorts(
  { addIssue }: NftContext,
  path: string,
  match: NftMatch & { readonly kind: "destinationPort" },
): void {
  const isPort = (port: number): boolean => isIntegerIn(port, 1, LAST_PORT);
  if (match.protocol !== "tcp" && match.protocol !== "udp")
    addIssue(`${path}.protocol`, `${JSON.stringify(match.protocol)} is neither tcp nor udp`);
  if (match.ports.length === 0) addIssue(`${path}.ports`, "a match needs a port");
  for (const port of match.ports) {
    const ends = typeof port === "number" ? [port] : port;
    if (!ends.every(isPort) || (ends[1] ?? 0) < (ends.length === 2 ? ends[0] : 0))
      addIssue(`${path}.ports`, `${JSON.stringify(port)} is not a valid port or range of ports`);
  }
}

function checkVerdict(context: NftContext, path: string, rule: NftRule, chain: NftChain): void {
  const { chains, networks, podAddresses, addIssue } = context;
  const { verdict } = rule;
  const family = familyOf(rule);
  if (verdict.kind === "jump") {
    const target = chains.find(({ name }) => name === verdict.chain);
    if (target === undefined || target.base !== undefined)
      addIssue(`${path}.chain`, `${JSON.stringify(verdict.chain)} is not a chain of this plan to jump to`);
  }
  if (verdict.kind === "dnat" || verdict.kind === "snat") {
    const own = [...networks, ...podAddresses.map((address) => `${addressOf(address)}/${family === 4 ? 32 : 128}`)];
    if (parseAddress(verdict.to)?.family !== family || !own.some((network) => isWithin(verdict.to, network))) {
      addIssue(`${path}.to`, `${JSON.stringify(verdict.to)} is not an IPv${family} address of this NIC's own networks`);
    }
  }
  const needsNat = verdict.kind === "dnat" || verdict.kind === "snat" || verdict.kind === "masquerade";
  if (needsNat && chain.base?.type === "filter") addIssue(path, `${verdict.kind} needs a chain of type nat`);
}

function checkName({ chains, addIssue }: NftContext, path: string, chain: NftChain): void {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(chain.name))
    addIssue(`${path}.name`, `${JSON.stringify(chain.name)} is not a valid chain name`);
  if (chain.name.startsWith(RESERVED_CHAIN))
    addIssue(
      `${path}.name`,
      `${JSON.stringify(chain.name)} begins with "${RESERVED_CHAIN}", which is the core's own: choose another name`,
    );
  if (chains.filter(({ name }) => name === chain.name).length > 1)
    addIssue(`${path}.name`, `${JSON.stringify(chain.name)} is planned twice`);
}

function checkBase({ addIssue }: NftContext, path: string, base: NftBase): void {
  if (!(HOOKS[base.type] as readonly string[] | undefined)?.includes(base.hook))
    addIssue(path, `a ${base.type} chain has no hook ${JSON.stringify(base.hook)}`);
  if (!isIntegerIn(base.priority, -MOST_PRIORITY, MOST_PRIORITY))
    addIssue(`${path}.priority`, `${base.priority} is not between -${MOST_PRIORITY} and ${MOST_PRIORITY}`);
}

function checkRule(context: NftContext, path: string, rule: NftRule, chain: NftChain): void {
  for (const [at, match] of rule.matches.entries())
    checkMatch(context, `${path}.matches[${at}]`, match, familyOf(rule));
  if (!isLimited(rule, chain, context))
    context.addIssue(
      path,
      `it is not limited to a link or an address of this NIC: match one of ${context.links.join(", ")}; the loopback belongs to the whole pod`,
    );
  checkVerdict(context, `${path}.verdict`, rule, chain);
}

function checkChain(context: NftContext, path: string, chain: NftChain): void {
  checkName(context, path, chain);
  if (chain.base !== undefined) checkBase(context, `${path}.base`, chain.base);
  for (const [at, rule] of chain.rules.entries()) checkRule(context, `${path}.rules[${at}]`, rule, chain);
}

/** Finds what of a plan's nftables chains reaches beyond the NIC. */
export function checkNftables(context: NftContext): void {
  const { chains, addIssue } = context;
  const rules = chains.reduce((sum, chain) => sum + chain.rules.length, 0);
  if (chains.length > MOST_CHAINS || rules > MOST_RULES) {
    addIssue(
      "network.nftables",
      `${chains.length} chains with ${rules} rules are more than ${MOST_CHAINS} and ${MOST_RULES}`,
    );
    return;
  }
  for (const [at, chain] of chains.entries()) checkChain(context, `network.nftables[${at}]`, chain);
}
