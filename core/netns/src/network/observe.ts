import { defined } from "@netbind/contract";
import { type NftTable, type ObservedLink, type ObservedNetwork, tableFamilies } from "@netbind/engine";
import type { Exec } from "../exec/exec.ts";
import { runScript } from "./run-script.ts";
import { LIST_TABLES, readListings, tableWords } from "./list-tables.ts";

/** What `ip -json -details addr show` says of a link, as far as it is read. */
interface IpAddrShow {
  readonly ifname: string;
  readonly link_type: string;
  readonly address?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_slave_data?: { readonly learning?: boolean };
    readonly info_data?: {
      readonly type?: string;
      readonly user?: number | string;
      readonly group?: number | string;
      readonly multi_queue?: boolean;
    };
  };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen: number; readonly scope: string }[];
}

/** What `ip -json route show` says of a route. */
interface IpRouteShow {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}

function readLink(link: IpAddrShow): ObservedLink {
  const { info_kind: kind, info_data: data, info_slave_data: slave } = link.linkinfo ?? {};
  return {
    name: link.ifname,
    mac: link.address ?? "00:00:00:00:00:00",
    mtu: link.mtu,
    up: link.flags.includes("UP"),
    carrier: link.flags.includes("LOWER_UP"),
    addresses: (link.addr_info ?? [])
      .filter(({ local, scope }) => local !== undefined && scope !== "link")
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    ...(kind === "tun" && data !== undefined
      ? { tap: { uid: Number(data.user ?? -1), gid: Number(data.group ?? -1), multiQueue: data.multi_queue === true } }
      : {}),
    ...defined({ kind, controller: link.master, learning: slave?.learning }),
  };
}

function destination({ dst }: IpRouteShow, family: 4 | 6): string {
  if (dst === "default") return family === 4 ? "0.0.0.0/0" : "::/0";
  if (dst.includes("/")) return dst;
  return `${dst}/${family === 4 ? 32 : 128}`;
}

const parseJson = <T>(text: string): readonly T[] => (text.trim() === "" ? [] : (JSON.parse(text) as readonly T[]));

function readRoutes(text: string, family: 4 | 6): ObservedNetwork["routes"] {
  return parseJson<IpRouteShow>(text).flatMap((route) =>
    route.dev === undefined || route.dst.startsWith("fe80:")
      ? []
      : [defined({ link: route.dev, destination: destination(route, family), gateway: route.gateway })],
  );
}

function readSysctls(text: string): ReadonlyMap<string, string> {
  const pairs = text.split("\n").flatMap((line) => {
    const at = line.indexOf(" = ");
    const value = line.slice(at + 3).trim();
    return at === -1 ? [] : [[line.slice(0, at), value.replace(/\s+/g, " ")] as const];
  });
  return new Map(pairs);
}

/**
 * One child for all: what costs is the start of processes. Each part ends with a NUL, which none has in it. A key of a link
 * that is not there yet is left out (-e). The kernel gives a sysctl's value to one read, and a shell's own reads byte by byte.
 */
const SCRIPT = `${LIST_TABLES}
tables="$1"; shift
ip -json -details -batch - << EOF || exit 1; printf '\\0'
addr show
route show table main
EOF
ip -6 -json route show table main || exit 1; printf '\\0'
[ $# -eq 0 ] || sysctl -e "$@" || exit 1; printf '\\0'
list_tables $tables
`;

const WORDS = { programs: "ip, sysctl, nft", failure: "the pod's network could not be looked at" } as const;

/** What is asked for beside links and routes. */
export interface ObserveRequest {
  readonly sysctls?: readonly string[];
  readonly table?: NftTable;
}

/**
 * Reads what is in a network namespace: once, for all requests. `execIn` runs in it. Changes nothing.
 *
 * @returns an answer for each request, in their order
 * @throws CommandError with what the kernel's tools said
 */
export async function observeAll(
  execIn: Exec,
  requests: readonly ObserveRequest[],
): Promise<readonly ObservedNetwork[]> {
  const keys = new Set(requests.flatMap(({ sysctls = [] }) => sysctls));
  const tables = requests.flatMap(({ table }) => (table === undefined ? [] : [tableWords(table)])).join(" ");
  const printed = (await runScript(execIn, ["sh", "-c", SCRIPT, "observe", tables, ...keys], WORDS)).split("\0");
  const take = (count: number): readonly string[] => printed.splice(0, count);
  const [both = "", routes6 = "", settings = ""] = take(3);
  const [addresses = "", routes4 = ""] = both.split("\n");
  const links = parseJson<IpAddrShow>(addresses).map(readLink);
  const routes = [...readRoutes(routes4, 4), ...readRoutes(routes6, 6)];
  const values = readSysctls(settings);
  return requests.map(({ sysctls = [], table }) => {
    const found = sysctls.flatMap((key) => {
      const value = values.get(key);
      return value === undefined ? [] : [[key, value] as const];
    });
    const listing = table && (readListings(take(tableFamilies(table).length)) ?? null);
    return defined({ links, routes, sysctls: Object.fromEntries(found), table: listing });
  });
}

/** The same for one request. */
export async function observe(execIn: Exec, request: ObserveRequest = {}): Promise<ObservedNetwork> {
  const [observed] = await observeAll(execIn, [request]);
  return observed as ObservedNetwork;
}
