import { type NftJson, type NftTable, normaliseListing, type Operations } from "@netbind/engine";
import { CommandError, type Run } from "./run.ts";

/**
 * One child for all: what costs is the start of processes. Links and addresses come first, then sysctls (whose keys may
 * name the new links), then nftables in one transaction. Every text is an argument or standard input, never a part of
 * the script. nft opens its standard input anew, which only works for a pipe, and a child's standard input is a socket.
 */
const SCRIPT = `
batch="$1"; family="$2"; table="$3"; shift 3
if [ -n "$batch" ]; then printf %s "$batch" | ip -batch - || exit 1; fi
while [ $# -ge 2 ]; do printf %s "$2" > "/proc/sys/$1" || exit 1; shift 2; done
if [ -n "$table" ]; then cat | nft -j -f - && exec nft -j list table "$family" "$table"; fi
`;

/**
 * Does what a difference says. Interrupted anywhere, the next difference goes on from there.
 *
 * @returns the table's listing as it is now; undefined where the table was left as it is
 * @throws CommandError with what the kernel's tools said
 */
export async function applyNetwork(runIn: Run, { ip, sysctls, nft }: Operations, table: NftTable): Promise<readonly NftJson[] | undefined> {
  const batch = ip.map((line) => `${line}\n`).join("");
  const keys = sysctls.flatMap(({ key, value }) => [key.replaceAll(".", "/"), value]);
  const replaced = nft.length > 0;
  const stdin = replaced ? JSON.stringify({ nftables: nft }) : "";
  let text: string;
  try {
    text = await runIn(["sh", "-c", SCRIPT, "apply", batch, table.family, replaced ? table.name : "", ...keys], { stdin });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(["ip -batch, sysctl, nft"], "the pod's network could not be made as planned", error.stderr, error.exitCode);
  }
  return replaced ? normaliseListing((JSON.parse(text) as { readonly nftables: readonly NftJson[] }).nftables) : undefined;
}
