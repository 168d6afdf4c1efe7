import type { Plan } from "@netbind/contract";
import type { NftJson } from "./nft-json.ts";

/**
 * Where what a pod's own servers say must not go, and from where no request may reach them: the pod's link, as a port
 * of a bridge.
 */
export interface ServerGuard {
  readonly outside: string;
}

/** UDP ports of DHCPv4 and DHCPv6 servers. */
const SERVERS = [67, 547] as const;

/**
 * What a fence drops: in from the pod's link or out by it, by a server's port or by a message of neighbor discovery.
 */
const DROPPED = [
  { chain: "input", udp: "dport" },
  { chain: "input", icmp6: "nd-router-solicit" },
  { chain: "input", icmp6: "nd-router-advert" },
  { chain: "output", udp: "sport" },
  { chain: "output", icmp6: "nd-router-advert" },
] as const;
const CHAINS = ["input", "output"] as const;
const LINK_OF = { input: "iifname", output: "oifname" } as const;

const equals = (left: NftJson, right: unknown): NftJson => ({ match: { op: "==", left, right } });

const packetOf = (dropped: (typeof DROPPED)[number]): NftJson =>
  "udp" in dropped
    ? equals({ payload: { protocol: "udp", field: dropped.udp } }, { set: SERVERS })
    : equals({ payload: { protocol: "icmpv6", field: "type" } }, dropped.icmp6);

const formatPacket = (dropped: (typeof DROPPED)[number]): string =>
  "udp" in dropped ? `udp ${dropped.udp} { ${SERVERS.join(", ")} }` : `icmpv6 type ${dropped.icmp6}`;

/**
 * The fence of a NIC whose pod link is handed over to a bridge that has servers: they are its guest's alone. Without it
 * every router advertisement would reach the whole network that the pod is on.
 */
export function serverGuardOf({ network, services = [] }: Plan): ServerGuard | undefined {
  const adopted = network?.links.find((link) => link.kind === "adopted");
  return adopted?.kind === "adopted" && services.some(({ link }) => link === adopted.bridge)
    ? { outside: adopted.name }
    : undefined;
}

/** The commands that make a fence's chains in a table of the bridges' family. */
export function serverGuardChains(table: string, { outside }: ServerGuard): readonly NftJson[] {
  const inTable = { family: "bridge", table };
  return [
    ...CHAINS.map((name) => ({
      add: { chain: { ...inTable, name, type: "filter", hook: name, prio: 0, policy: "accept" } },
    })),
    ...DROPPED.map((dropped) => {
      const link = equals({ meta: { key: LINK_OF[dropped.chain] } }, outside);
      return {
        add: {
          rule: {
            ...inTable,
            chain: dropped.chain,
            expr: [link, packetOf(dropped), { counter: null }, { drop: null }],
          },
        },
      };
    }),
  ];
}

/** A fence as nft's own language shows it, for people to read. */
export const formatServerGuard = (table: string, { outside }: ServerGuard): string =>
  [
    `table bridge ${table} {`,
    ...CHAINS.flatMap((name) => [
      `  chain ${name} {`,
      `    type filter hook ${name} priority 0; policy accept;`,
      ...DROPPED.filter(({ chain }) => chain === name).map(
        (dropped) => `    ${LINK_OF[name]} "${outside}" ${formatPacket(dropped)} counter drop`,
      ),
      "  }",
    ]),
    "}",
    "",
  ].join("\n");
