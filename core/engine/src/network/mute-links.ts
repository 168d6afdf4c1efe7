import type { NftJson } from "./nft-json.ts";
import type { Operations } from "./diff.ts";

/** What a link says by itself is IPv6's search for neighbors and groups, and ARP. */
const FAMILIES = ["inet", "arp"] as const;
const TABLE = "netbind_silence";

const operations = (nft: readonly NftJson[]): Operations => ({ ip: [], sysctls: [], nft, unrecoverable: [] });

/** Made before it is deleted: it need not be there. */
const renewed = (family: string): readonly NftJson[] => {
  const table = { table: { family, name: TABLE } };
  return [{ add: table }, { delete: table }];
};

/**
 * Makes a pod say nothing by some of its links, which need not be there yet. A migration's target has links with the MAC
 * address of a guest that is elsewhere still: a frame from one of them, and every switch on the way sends the guest's
 * frames to a pod without a guest.
 */
export const muteLinks = (names: readonly string[]): Operations =>
  operations(
    FAMILIES.flatMap((family) => {
      const chain = { family, table: TABLE, name: "output" };
      const byLink = { match: { op: "==", left: { meta: { key: "oifname" } }, right: { set: names } } };
      return [
        ...renewed(family),
        { add: { table: { family, name: TABLE } } },
        { add: { chain: { ...chain, type: "filter", hook: "output", prio: 0, policy: "accept" } } },
        { add: { rule: { family, table: TABLE, chain: chain.name, expr: [byLink, { drop: null }] } } },
      ];
    }),
  );

/** Lets a pod speak by all of its links again: its guest has come. */
export const unmuteLinks = (): Operations => operations(FAMILIES.flatMap(renewed));
