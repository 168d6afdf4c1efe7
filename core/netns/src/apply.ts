import { type NftJson, type NftTable, normaliseListing, type Operations } from "@netbind/engine";
import type { Run } from "./run.ts";

/** nft opens its standard input anew, which only works for a pipe, and a child's standard input is a socket here. */
const REPLACE_AND_LIST = 'cat | nft -j -f - && exec nft -j list table "$1" "$2"';

/**
 * Does what a difference says, in three child processes at the most: links and addresses, then sysctls (whose keys may
 * name the new links), then nftables in one transaction.
 *
 * @returns the table's listing as it is now; undefined where the table was left as it is
 */
export async function applyNetwork(runIn: Run, operations: Operations, table: NftTable): Promise<readonly NftJson[] | undefined> {
  if (operations.ip.length > 0) await runIn(["ip", "-batch", "-"], { stdin: `${operations.ip.join("\n")}\n` });
  if (operations.sysctls.length > 0) {
    await runIn(["sysctl", "-q", "-w", ...operations.sysctls.map(({ key, value }) => `${key}=${value}`)]);
  }
  if (operations.nft.length === 0) return undefined;
  const stdin = JSON.stringify({ nftables: operations.nft });
  const listing = JSON.parse(await runIn(["sh", "-c", REPLACE_AND_LIST, "sh", table.family, table.name], { stdin })) as {
    readonly nftables: readonly NftJson[];
  };
  return normaliseListing(listing.nftables);
}
