/** One command or object of nftables' JSON form (libnftables-json(5)). */
export type NftJson = Readonly<Record<string, unknown>>;
