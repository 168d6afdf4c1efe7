import type { LinkPlan } from "@netbind/contract";
import type { NftJson } from "./nft-json.ts";

/** The links of a NIC by which nothing may come in that is addressed to the pod's loopback, or says that it comes from there. */
export interface LoopbackGuard {
  readonly links: readonly string[];
}

/** Chains whose names begin so are the core's own: no plan may have one. */
export const RESERVED_CHAIN = "netbind_";
const CHAIN = `${RESERVED_CHAIN}guard`;
/** The kernel's place before connection tracking, and so before any destination NAT (NF_IP_PRI_RAW). */
const PRIORITY = -300;
const LOOPBACK = { addr: "127.0.0.0", len: 8 } as const;
const FIELDS = ["daddr", "saddr"] as const;

/**
 * The guard of a NIC that has a link by which its guest reaches the pod's own IPv4. With `route_localnet` the kernel takes
 * 127.0.0.0/8 from a link for its own, and every server on the pod's loopback is the guest's to talk to. A plan may set it,
 * a pod may inherit it from its node (kube-proxy sets it there), so the guard does not ask who did. IPv6 has no such
 * switch: the kernel drops ::1 that comes by a link.
 */
export function loopbackGuardOf(links: readonly LinkPlan[]): LoopbackGuard | undefined {
  const own = links.filter(({ kind }) => kind === "bridge" || kind === "tap").map(({ name }) => name);
  return own.length === 0 ? undefined : { links: own };
}

/** The commands that make a guard's chain in a NIC's table. */
export function guardChain(table: string, { links }: LoopbackGuard): readonly NftJson[] {
  const inTable = { family: "inet", table };
  return [
    {
      add: { chain: { ...inTable, name: CHAIN, type: "filter", hook: "prerouting", prio: PRIORITY, policy: "accept" } },
    },
    ...FIELDS.map((field) => {
      const expr = [
        {
          match: {
            op: "==",
            left: { meta: { key: "iifname" } },
            right: links.length === 1 ? links[0] : { set: links },
          },
        },
        { match: { op: "==", left: { payload: { protocol: "ip", field } }, right: { prefix: LOOPBACK } } },
        { counter: null },
        { drop: null },
      ];
      return { add: { rule: { ...inTable, chain: CHAIN, expr } } };
    }),
  ];
}

/** A guard's chain as nft's own language shows it, for people to read. */
export function formatGuard({ links }: LoopbackGuard): readonly string[] {
  const names = links.map((name) => `"${name}"`);
  const from = names.length === 1 ? names[0] : `{ ${names.join(", ")} }`;
  return [
    `  chain ${CHAIN} {`,
    `    type filter hook prerouting priority ${PRIORITY}; policy accept;`,
    ...FIELDS.map((field) => `    iifname ${from} ip ${field} ${LOOPBACK.addr}/${LOOPBACK.len} counter drop`),
    "  }",
  ];
}
