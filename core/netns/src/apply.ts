import type { Operations } from "@netbind/engine";
import type { Run } from "./run.ts";

/**
 * Does what a difference says, in three child processes at the most: links and addresses, then sysctls (whose keys may
 * name the new links), then nftables in one transaction.
 */
export async function applyNetwork(runIn: Run, operations: Operations): Promise<void> {
  if (operations.ip.length > 0) await runIn(["ip", "-batch", "-"], { stdin: `${operations.ip.join("\n")}\n` });
  if (operations.sysctls.length > 0) {
    await runIn(["sysctl", "-q", "-w", ...operations.sysctls.map(({ key, value }) => `${key}=${value}`)]);
  }
  // nft opens its standard input anew, which only works for a pipe, and a child's standard input is a socket here.
  if (operations.nft.length > 0) await runIn(["sh", "-c", "cat | nft -j -f -"], { stdin: JSON.stringify({ nftables: operations.nft }) });
}
