import type { Plan } from "@netbind/contract";
import type { NftJson } from "./nft.ts";

/** Where what a pod's own servers say must not go, and from where nobody may ask them: the pod's link, as a port of a bridge. */
export interface Fence {
  readonly outside: string;
}

/** UDP ports of DHCPv4 and DHCPv6 servers. */
const SERVERS = [67, 547] as const;

const equals = (left: NftJson, right: unknown): NftJson => ({ match: { op: "==", left, right } });
const port = (key: "iifname" | "oifname", name: string): NftJson => equals({ meta: { key } }, name);
const udp = (field: "sport" | "dport"): NftJson => equals({ payload: { protocol: "udp", field } }, { set: SERVERS });
const icmp6 = (type: string): NftJson => equals({ payload: { protocol: "icmpv6", field: "type" } }, type);

/**
 * The fence of a NIC whose pod link is handed over to a bridge that has servers: they are its guest's alone. Without it
 * every router advertisement would reach the whole network that the pod is on.
 */
export function fenceOf({ network, services = [] }: Plan): Fence | undefined {
  const adopted = network?.links.find((link) => link.kind === "adopted");
  return adopted?.kind === "adopted" && services.some(({ link }) => link === adopted.bridge) ? { outside: adopted.name } : undefined;
}

/** The commands that make a fence's chains in a table of the bridges' family. */
export function fenceChains(table: string, { outside }: Fence): readonly NftJson[] {
  const place = { family: "bridge", table };
  const chain = (name: string): NftJson => ({
    add: { chain: { ...place, name, type: "filter", hook: name, prio: 0, policy: "accept" } },
  });
  const drop = (name: string, ...matches: readonly NftJson[]): NftJson => ({
    add: { rule: { ...place, chain: name, expr: [...matches, { counter: null }, { drop: null }] } },
  });
  return [
    chain("input"),
    chain("output"),
    drop("input", port("iifname", outside), udp("dport")),
    drop("input", port("iifname", outside), icmp6("nd-router-solicit")),
    drop("input", port("iifname", outside), icmp6("nd-router-advert")),
    drop("output", port("oifname", outside), udp("sport")),
    drop("output", port("oifname", outside), icmp6("nd-router-advert")),
  ];
}

/** A fence as nft's own language shows it, for people to read. */
export const showFence = (table: string, { outside }: Fence): string =>
  [
    `table bridge ${table} {`,
    "  chain input {",
    "    type filter hook input priority 0; policy accept;",
    `    iifname "${outside}" udp dport { ${SERVERS.join(", ")} } counter drop`,
    `    iifname "${outside}" icmpv6 type { nd-router-solicit, nd-router-advert } counter drop`,
    "  }",
    "  chain output {",
    "    type filter hook output priority 0; policy accept;",
    `    oifname "${outside}" udp sport { ${SERVERS.join(", ")} } counter drop`,
    `    oifname "${outside}" icmpv6 type nd-router-advert counter drop`,
    "  }",
    "}",
    "",
  ].join("\n");
