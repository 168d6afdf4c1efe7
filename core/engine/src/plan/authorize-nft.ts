import { addressOf, type NftChain, type NftMatch, type NftRule, parseAddress, parseCidr } from "@netbind/contract";
import { RESERVED_CHAIN } from "../network/loopback-guard.ts";
import type { AddIssue } from "./authorize-checks.ts";

/** What a NIC's rules may speak of. */
export interface NftBounds {
  readonly links: readonly string[];
  /** `address/prefix` of the plan's own bridges. */
  readonly networks: readonly string[];
  /** `address/prefix` of the pod's link. */
  readonly podAddresses: readonly string[];
}

const MOST_CHAINS = 16;
const MOST_RULES = 20_000;
const HOOKS = {
  nat: ["prerouting", "input", "output", "postrouting"],
  filter: ["prerouting", "input", "forward", "output", "postrouting"],
} as const;

function isWithin(address: string, network: string): boolean {
  const cidr = parseCidr(network);
  const same = cidr && parseCidr(`${address}/${cidr.prefix}`);
  return cidr !== undefined && same !== undefined && same.family === cidr.family && same.base === cidr.base;
}

const isLoopback = (address: string): boolean => address === "::1" || address.startsWith("127.");

/** True where a match ties its rule to this NIC: to a link of its own, or to addresses that are its pod's or its guest's. */
function isAnchor(match: NftMatch, bounds: NftBounds): boolean {
  switch (match.kind) {
    case "inputInterface":
    case "outputInterface":
      return bounds.links.includes(match.name);
    case "sourceAddress":
    case "destinationAddress":
      return match.addresses.every(
        (address) =>
          bounds.podAddresses.some((own) => addressOf(own) === address) || bounds.networks.some((network) => isWithin(address, network)),
      );
    case "destinationPort":
      return false;
    default:
      return match satisfies never;
  }
}

/** True where a match speaks of the pod's loopback, alone or with addresses that are this NIC's. */
const isOfLoopback = (match: NftMatch, bounds: NftBounds): boolean =>
  (match.kind === "sourceAddress" || match.kind === "destinationAddress") &&
  match.addresses.some(isLoopback) &&
  isAnchor({ ...match, addresses: match.addresses.filter((address) => !isLoopback(address)) }, bounds);

/**
 * True where a rule is limited to this NIC. The loopback is the whole pod's, so that it limits a rule to a NIC only together
 * with a link of the NIC's own; but for two rules of the pod's own traffic, which leave everybody else's as it is: one that
 * hands it to this NIC's guest, and one that returns, by which a plan takes nothing.
 */
function isLimited({ matches, verdict }: NftRule, chain: NftChain, bounds: NftBounds): boolean {
  if (matches.some((match) => isAnchor(match, bounds))) return true;
  if (!matches.some((match) => isOfLoopback(match, bounds)) || chain.base?.type !== "nat" || chain.base.hook !== "output") return false;
  return verdict.kind === "return" || (verdict.kind === "dnat" && bounds.networks.some((network) => isWithin(verdict.to, network)));
}

function checkMatch(path: string, match: NftMatch, family: 4 | 6, bounds: NftBounds, addIssue: AddIssue): void {
  switch (match.kind) {
    case "inputInterface":
    case "outputInterface":
      if (!bounds.links.includes(match.name))
        addIssue(`${path}.name`, `${JSON.stringify(match.name)} is no link of this NIC (${bounds.links.join(", ")})`);
      return;
    case "sourceAddress":
    case "destinationAddress":
      if (match.addresses.length === 0) addIssue(`${path}.addresses`, "a match needs an address");
      for (const address of match.addresses) {
        if (parseAddress(address)?.family !== family)
          addIssue(`${path}.addresses`, `${JSON.stringify(address)} is no IPv${family} address`);
      }
      return;
    case "destinationPort":
      return checkPorts(path, match, addIssue);
    default:
      match satisfies never;
  }
}

function checkPorts(path: string, match: NftMatch & { readonly kind: "destinationPort" }, addIssue: AddIssue): void {
  const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;
  if (match.protocol !== "tcp" && match.protocol !== "udp")
    addIssue(`${path}.protocol`, `${JSON.stringify(match.protocol)} is neither tcp nor udp`);
  if (match.ports.length === 0) addIssue(`${path}.ports`, "a match needs a port");
  for (const port of match.ports) {
    const ends = typeof port === "number" ? [port] : port;
    if (!ends.every(isPort) || (ends[1] ?? 0) < (ends.length === 2 ? ends[0] : 0))
      addIssue(`${path}.ports`, `${JSON.stringify(port)} is no port or range of ports`);
  }
}

function checkVerdict(
  path: string,
  rule: NftRule,
  chain: NftChain,
  chains: readonly NftChain[],
  bounds: NftBounds,
  addIssue: AddIssue,
): void {
  const { verdict } = rule;
  const family = rule.family === "ip" ? 4 : 6;
  if (verdict.kind === "jump") {
    const target = chains.find(({ name }) => name === verdict.chain);
    if (target === undefined || target.base !== undefined)
      addIssue(`${path}.chain`, `${JSON.stringify(verdict.chain)} is no chain of this plan to jump to`);
  }
  if (verdict.kind === "dnat" || verdict.kind === "snat") {
    const own = [...bounds.networks, ...bounds.podAddresses.map((address) => `${addressOf(address)}/${family === 4 ? 32 : 128}`)];
    if (parseAddress(verdict.to)?.family !== family || !own.some((network) => isWithin(verdict.to, network))) {
      addIssue(`${path}.to`, `${JSON.stringify(verdict.to)} is no IPv${family} address of this NIC's own networks`);
    }
  }
  const needsNat = verdict.kind === "dnat" || verdict.kind === "snat" || verdict.kind === "masquerade";
  if (needsNat && chain.base?.type === "filter") addIssue(path, `${verdict.kind} needs a chain of type nat`);
}

function checkChain(path: string, chain: NftChain, chains: readonly NftChain[], bounds: NftBounds, addIssue: AddIssue): void {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(chain.name)) addIssue(`${path}.name`, `${JSON.stringify(chain.name)} is no chain name`);
  if (chain.name.startsWith(RESERVED_CHAIN))
    addIssue(`${path}.name`, `${JSON.stringify(chain.name)} begins with "${RESERVED_CHAIN}", which is the core's own: choose another name`);
  if (chains.filter(({ name }) => name === chain.name).length > 1)
    addIssue(`${path}.name`, `${JSON.stringify(chain.name)} is planned twice`);
  const { base } = chain;
  if (base !== undefined) {
    if (!(HOOKS[base.type] as readonly string[] | undefined)?.includes(base.hook))
      addIssue(`${path}.base`, `a ${base.type} chain has no hook ${JSON.stringify(base.hook)}`);
    if (!Number.isInteger(base.priority) || Math.abs(base.priority) > 1000)
      addIssue(`${path}.base.priority`, `${base.priority} is not between -1000 and 1000`);
  }
  for (const [at, rule] of chain.rules.entries()) {
    const where = `${path}.rules[${at}]`;
    const family = rule.family === "ip" ? 4 : 6;
    for (const [index, match] of rule.matches.entries()) checkMatch(`${where}.matches[${index}]`, match, family, bounds, addIssue);
    if (!isLimited(rule, chain, bounds))
      addIssue(
        where,
        `it is not limited to a link or an address of this NIC: match one of ${bounds.links.join(", ")}; the pod's loopback is not the NIC's alone`,
      );
    checkVerdict(`${where}.verdict`, rule, chain, chains, bounds, addIssue);
  }
}

/** Finds what of a plan's nftables chains reaches beyond the NIC. */
export function checkNftables(chains: readonly NftChain[], bounds: NftBounds, addIssue: AddIssue): void {
  const rules = chains.reduce((sum, chain) => sum + chain.rules.length, 0);
  if (chains.length > MOST_CHAINS || rules > MOST_RULES) {
    addIssue("network.nftables", `${chains.length} chains with ${rules} rules are more than ${MOST_CHAINS} and ${MOST_RULES}`);
    return;
  }
  for (const [at, chain] of chains.entries()) checkChain(`network.nftables[${at}]`, chain, chains, bounds, addIssue);
}
