import { defined } from "@netbind/contract";
import type { NftJson, NftTable, ObservedLink, ObservedNetwork } from "@netbind/engine";
import { normalizeListing, tableFamilies } from "@netbind/engine";
import { CommandError, type Exec } from "../exec/exec.ts";

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

async function readRoutes(execIn: Exec, family: 4 | 6): Promise<ObservedNetwork["routes"]> {
  const routes = parseJson<IpRouteShow>(await execIn(["ip", `-${family}`, "-json", "route", "show", "table", "main"]));
  return routes.flatMap((route) =>
    route.dev === undefined || route.dst.startsWith("fe80:")
      ? []
      : [defined({ link: route.dev, destination: destination(route, family), gateway: route.gateway })],
  );
}

async function readSysctls(execIn: Exec, keys: readonly string[]): Promise<Record<string, string>> {
  if (keys.length === 0) return {};
  // -e: a key of a link that is not there yet is left out.
  const text = await execIn(["sysctl", "-e", ...keys]);
  const pairs = text.split("\n").flatMap((line) => {
    const at = line.indexOf(" = ");
    return at === -1
      ? []
      : [
          [
            line.slice(0, at),
            line
              .slice(at + 3)
              .trim()
              .replace(/\s+/g, " "),
          ] as const,
        ];
  });
  return Object.fromEntries(pairs);
}

async function listTable(execIn: Exec, family: string, name: string): Promise<readonly NftJson[] | undefined> {
  try {
    const listing = JSON.parse(await execIn(["nft", "-j", "list", "table", family, name])) as {
      nftables: readonly NftJson[];
    };
    return normalizeListing(listing.nftables);
  } catch (error) {
    if (error instanceof CommandError && error.stderr.includes("No such file or directory")) return undefined;
    throw error;
  }
}

/** The listing of a NIC's nftables table, of all its families, normalized; undefined where there is none in any. */
export async function readTable(execIn: Exec, table: NftTable): Promise<readonly NftJson[] | undefined> {
  const listings = await Promise.all(tableFamilies(table).map((family) => listTable(execIn, family, table.name)));
  const observed = listings.filter((listing) => listing !== undefined);
  return observed.length === 0 ? undefined : observed.flat();
}

/** What is asked for beside links and routes. */
export interface ObserveRequest {
  readonly sysctls?: readonly string[];
  readonly table?: NftTable;
}

/** Reads what is in a network namespace. `execIn` runs in it. Changes nothing. */
export async function observe(execIn: Exec, request: ObserveRequest = {}): Promise<ObservedNetwork> {
  const [links, routes4, routes6, sysctls, table] = await Promise.all([
    execIn(["ip", "-json", "-details", "addr", "show"]).then((text) => parseJson<IpAddrShow>(text).map(readLink)),
    readRoutes(execIn, 4),
    readRoutes(execIn, 6),
    readSysctls(execIn, request.sysctls ?? []),
    request.table === undefined ? undefined : readTable(execIn, request.table).then((listing) => listing ?? null),
  ]);
  return defined({ links, routes: [...routes4, ...routes6], sysctls, table });
}
