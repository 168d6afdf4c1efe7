import type { NftChain, NftMatch, NftRule, NftVerdict } from "@netbind/contract";
import { serverGuardChains, formatServerGuard, type ServerGuard } from "./server-guard.ts";
import { guardChain, type LoopbackGuard, formatGuard } from "./loopback-guard.ts";
import type { NftJson } from "./nft-json.ts";

/** The family and name of the one table that is a NIC's; where it has a fence, the bridges' family has one of that name too. */
export interface NftTable {
  readonly family: "inet";
  readonly name: string;
  readonly serverGuard?: ServerGuard;
  /** What keeps the guest from the pod's loopback; absent where it has no way there. */
  readonly guard?: LoopbackGuard;
}

/** The families in which a NIC has a table. */
export const tableFamilies = ({ serverGuard }: NftTable): readonly ("inet" | "bridge")[] =>
  serverGuard === undefined ? ["inet"] : ["inet", "bridge"];

/** The NIC's table. Pod link names are unique in a pod and need no escaping. */
export const nicTable = (podLinkName: string): NftTable => ({ family: "inet", name: `netbind_${podLinkName}` });

const equals = (left: NftJson, right: unknown): NftJson => ({ match: { op: "==", left, right } });
const setOf = (values: readonly unknown[]): unknown => (values.length === 1 ? values[0] : { set: values });
const meta = (key: string): NftJson => ({ meta: { key } });
const payload = (protocol: string, field: string): NftJson => ({ payload: { protocol, field } });

function printMatch(match: NftMatch, family: NftRule["family"]): NftJson {
  switch (match.kind) {
    case "inputInterface":
      return equals(meta("iifname"), match.name);
    case "outputInterface":
      return equals(meta("oifname"), match.name);
    case "sourceAddress":
      return equals(payload(family, "saddr"), setOf(match.addresses));
    case "destinationAddress":
      return equals(payload(family, "daddr"), setOf(match.addresses));
    case "destinationPort":
      return equals(
        payload(match.protocol, "dport"),
        setOf(match.ports.map((port) => (typeof port === "number" ? port : { range: port }))),
      );
    default:
      return match satisfies never;
  }
}

function printVerdict(verdict: NftVerdict, family: NftRule["family"]): NftJson {
  switch (verdict.kind) {
    case "accept":
    case "drop":
    case "return":
    case "masquerade":
      return { [verdict.kind]: null };
    case "dnat":
    case "snat":
      return { [verdict.kind]: { family, addr: verdict.to } };
    case "jump":
      return { jump: { target: verdict.chain } };
    default:
      return verdict satisfies never;
  }
}

function printRule(rule: NftRule): readonly NftJson[] {
  const matches = rule.matches.map((match) => printMatch(match, rule.family));
  const namesFamily = rule.matches.some(({ kind }) => kind === "sourceAddress" || kind === "destinationAddress");
  // The table holds both families: a rule that names no address must say which one it means.
  const family = namesFamily ? [] : [equals(meta("nfproto"), rule.family === "ip" ? "ipv4" : "ipv6")];
  return [...family, ...matches, { counter: null }, printVerdict(rule.verdict, rule.family)];
}

const chainCommands = (family: string, table: string, chains: readonly NftChain[]): readonly NftJson[] => [
  ...chains.map(({ name, base }) => {
    const hooked =
      base === undefined ? {} : { type: base.type, hook: base.hook, prio: base.priority, policy: "accept" };
    return { add: { chain: { family, table, name, ...hooked } } };
  }),
  ...chains.flatMap(({ name, rules }) =>
    rules.map((rule) => ({ add: { rule: { family, table, chain: name, expr: printRule(rule) } } })),
  ),
];

/** The commands that make a NIC's table or, where it exists or is not known, replace it whole: one transaction. */
export function replaceTable(table: NftTable, chains: readonly NftChain[], mayBeThere = true): readonly NftJson[] {
  const { name, serverGuard, guard } = table;
  return tableFamilies(table).flatMap((family) => {
    const make = { add: { table: { family, name } } };
    return [
      // What is deleted must be there: so it is made first.
      ...(mayBeThere ? [make, { delete: { table: { family, name } } }] : []),
      make,
      ...(family === "bridge" && serverGuard !== undefined
        ? serverGuardChains(name, serverGuard)
        : [...(guard === undefined ? [] : guardChain(name, guard)), ...chainCommands(family, name, chains)]),
    ];
  });
}

/** Strips what changes by itself (handles, counter values) from a listing, so that two can be compared. */
export function normalizeListing(listing: readonly NftJson[]): readonly NftJson[] {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (value === null || typeof value !== "object") return value;
    const entries = Object.entries(value).filter(([key]) => key !== "handle");
    return Object.fromEntries(entries.map(([key, inner]) => [key, key === "counter" ? null : strip(inner)]));
  };
  return listing.filter((object) => !("metainfo" in object)).map((object) => strip(object) as NftJson);
}

/** Prints chains as nft's own language shows them, for people to read. Never fed to nft. */
export function formatTable(table: NftTable, chains: readonly NftChain[]): string {
  const lines = chains.flatMap((chain) => [
    `  chain ${chain.name} {`,
    ...(chain.base === undefined
      ? []
      : [`    type ${chain.base.type} hook ${chain.base.hook} priority ${chain.base.priority}; policy accept;`]),
    ...chain.rules.map((rule) => `    ${formatRule(rule)}`),
    "  }",
  ]);
  const serverGuard = table.serverGuard === undefined ? "" : formatServerGuard(table.name, table.serverGuard);
  const guard = table.guard === undefined ? [] : formatGuard(table.guard);
  if (chains.length + guard.length === 0 && serverGuard !== "") return serverGuard;
  return [`table ${table.family} ${table.name} {`, ...guard, ...lines, "}", serverGuard].join("\n");
}

const formatSet = (values: readonly (string | number)[]): string =>
  values.length === 1 ? String(values[0]) : `{ ${values.join(", ")} }`;

function formatRule(rule: NftRule): string {
  const matches = rule.matches.map((match) => {
    switch (match.kind) {
      case "inputInterface":
        return `iifname "${match.name}"`;
      case "outputInterface":
        return `oifname "${match.name}"`;
      case "sourceAddress":
        return `${rule.family} saddr ${formatSet(match.addresses)}`;
      case "destinationAddress":
        return `${rule.family} daddr ${formatSet(match.addresses)}`;
      case "destinationPort":
        return `${match.protocol} dport ${formatSet(match.ports.map((port) => (typeof port === "number" ? port : port.join("-"))))}`;
      default:
        return match satisfies never;
    }
  });
  const family = rule.matches.some(({ kind }) => kind.endsWith("Address"))
    ? []
    : [`meta nfproto ${rule.family === "ip" ? "ipv4" : "ipv6"}`];
  const { verdict } = rule;
  const end =
    verdict.kind === "dnat" || verdict.kind === "snat"
      ? `${verdict.kind} ${rule.family} to ${verdict.to}`
      : verdict.kind === "jump"
        ? `jump ${verdict.chain}`
        : verdict.kind;
  return [...family, ...matches, "counter", end].join(" ");
}
