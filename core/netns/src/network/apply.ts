import type { NftJson, NftTable, Operations } from "@netbind/engine";
import { withWritableSysctls } from "../exec/fresh-proc.ts";
import type { Exec } from "../exec/exec.ts";
import { runScript } from "./run-script.ts";
import { LIST_TABLES, readListings, tableWords } from "./list-tables.ts";

/**
 * One child for all: what costs is the start of processes. Taps come first, made by a process with the label of the one
 * that opens them, where the kernel has labels: a tap has its maker's, and no other may open it. Then come links and
 * addresses, then sysctls, whose keys may name the new links. Beside all of these, since a rule names a link by its name
 * and needs none to be there, nftables does its part in one transaction, and lists the tables. Both are waited for, and
 * both say what failed. Every text is an argument or standard input, never a part of the script. nft opens its standard
 * input again, which works for a pipe, and a child's standard input is a socket.
 */
const SCRIPT = `${LIST_TABLES}
label="$1"; taps="$2"; batch="$3"; nft="$4"; json="$5"; tables="$6"; shift 6
set_links() {
  if [ -n "$label" ] && [ -n "$taps" ]; then
    printf %s "$taps" | (
      printf %s "$label" > /proc/self/attr/exec || exit 1
      exec ip -batch -
    ) || return 1
    taps=
  fi
  if [ -n "$taps$batch" ]; then ip -batch - << EOF || return 1; fi
$taps$batch
EOF
  while [ $# -ge 2 ]; do printf %s "$2" > "/proc/sys/$1" || return 1; shift 2; done
}
set_rules() {
  if [ -n "$json" ]; then nft -j -f - << EOF || return 1
$json
EOF
  elif [ -n "$nft" ]; then cat | nft -j -f - || return 1
  fi
  list_tables $tables
}
set_links "$@" & links=$!
set_rules; rules=$?
wait "$links" && exit "$rules"
exit 1
`;
const WORDS = {
  programs: "ip -batch, sysctl, nft",
  failure: "the pod's network could not be configured as planned",
} as const;
/** How a line of `ip -batch` begins that makes a tap. It needs nothing that another line makes. */
const MAKES_TAP = "tuntap add ";

const isTap = (line: string): boolean => line.startsWith(MAKES_TAP);

/** True where a difference makes a tap. */
export const makesTap = ({ ip }: Operations): boolean => ip.some(isTap);

/** What a difference is applied with. */
export interface ApplyOptions {
  /** The SELinux label of the process that opens the taps; absent: taps have the caller's. */
  readonly tapLabel?: string;
  /** The NIC's table, to be listed after all is done. */
  readonly listed?: NftTable;
}

/** The kernel takes no longer argument (MAX_ARG_STRLEN is 128 KiB): what is longer goes through standard input. */
const LONGEST_ARGUMENT = 100_000;

/**
 * Does what a difference says. Interrupted anywhere, the next difference goes on from there.
 *
 * @returns how the kernel lists the table that was asked for, normalized; undefined where there is none
 * @throws CommandError with what the kernel's tools said
 */
export async function applyNetwork(
  execIn: Exec,
  { ip, sysctls, nft }: Operations,
  { tapLabel = "", listed }: ApplyOptions = {},
): Promise<readonly NftJson[] | undefined> {
  const lines = (wanted: boolean): string =>
    ip.flatMap((line) => (isTap(line) === wanted ? [`${line}\n`] : [])).join("");
  const keys = sysctls.flatMap(({ key, value }) => [key.replaceAll(".", "/"), value]);
  const json = nft.length > 0 ? JSON.stringify({ nftables: nft }) : "";
  const fits = Buffer.byteLength(json) <= LONGEST_ARGUMENT;
  const tables = listed === undefined ? "" : tableWords(listed);
  const parts = [tapLabel, lines(true), lines(false), json === "" ? "" : "nft", fits ? json : "", tables];
  const script = ["sh", "-c", SCRIPT, "apply", ...parts, ...keys];
  const command = keys.length === 0 ? script : withWritableSysctls(script);
  const printed = await runScript(execIn, command, WORDS, fits ? {} : { stdin: json });
  return listed === undefined ? undefined : readListings(printed.split("\0"));
}
