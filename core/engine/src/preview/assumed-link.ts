import { cidrHost, formatAddress, parseAddress, parseCidr, type PodLink, type Route } from "@netbind/contract";
import { deviceVariable, networkInfoText, type PodNetworkRequest } from "@netbind/kubevirt/pod";
import type { PodDevices } from "../attach.ts";
import type { DecidedNic } from "../decide.ts";

/** The pod network of one machine, as its first pod has it. */
const POD_NETWORK: Omit<PodLink, "name"> = {
  mac: "02:00:00:00:aa:01",
  mtu: 1500,
  addresses: ["10.244.0.2/24", "fd10:244::2/64"],
  routes: [
    { destination: "0.0.0.0/0", gateway: "10.244.0.1" },
    { destination: "10.244.0.0/24" },
    { destination: "fd10:244::/64" },
    { destination: "::/0", gateway: "fd10:244::1" },
  ],
};
const DEFAULT_MTU = 1500;

/** What gives an address in a plugin's `ipam`, without a call of the plugin. */
interface Ipam {
  readonly subnet?: unknown;
  readonly ranges?: unknown;
  readonly addresses?: unknown;
  readonly routes?: unknown;
}

const listOf = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value)
    ? value.flat().filter((one): one is Record<string, unknown> => typeof one === "object" && one !== null)
    : [];

/** The addresses that a new network's first pod gets: the listed ones, or the second host of each subnet. */
function addressesOf({ subnet, ranges, addresses }: Ipam): readonly string[] {
  const subnets = [subnet, ...listOf(ranges).map((range) => range["subnet"])].flatMap(
    (text) => parseCidr(String(text)) ?? [],
  );
  const listed = listOf(addresses).flatMap(({ address }) =>
    parseCidr(String(address)) === undefined ? [] : [String(address)],
  );
  return [...listed, ...subnets.map((cidr) => `${cidrHost(cidr, 2)}/${cidr.prefix}`)];
}

function routesOf({ routes }: Ipam, addresses: readonly string[]): readonly Route[] {
  const networks = addresses.flatMap((address) => parseCidr(address) ?? []);
  const given = listOf(routes).flatMap(({ dst, gw }): readonly Route[] => {
    const family = parseCidr(String(dst))?.family;
    const own = networks.find((network) => network.family === family);
    const gateway = parseAddress(String(gw)) === undefined ? own && cidrHost(own, 1) : String(gw);
    return family === undefined ? [] : [{ destination: String(dst), ...(gateway === undefined ? {} : { gateway }) }];
  });
  return [
    ...networks.map((cidr) => ({ destination: `${formatAddress(cidr.family, cidr.base)}/${cidr.prefix}` })),
    ...given,
  ];
}

/** The pod's link of a NIC where no pod was asked: what its network's definition would make for a first pod. */
export function assumedLink({ names, index }: DecidedNic, request: PodNetworkRequest | undefined): PodLink {
  if (request?.config === undefined) return { name: names.pod, ...POD_NETWORK };
  const [plugin] = request.config.plugins;
  const addresses = addressesOf((plugin?.["ipam"] ?? {}) as Ipam);
  const mtu = request.config.plugins.map((one) => one["mtu"]).find((value) => typeof value === "number" && value > 0);
  return {
    name: names.pod,
    mac: request.mac ?? `02:00:00:00:aa:${(index + 1).toString(16).padStart(2, "0")}`,
    mtu: typeof mtu === "number" ? mtu : DEFAULT_MTU,
    addresses,
    routes: routesOf((plugin?.["ipam"] ?? {}) as Ipam, addresses),
    ...(plugin?.type === "macvtap" ? { tap: names.pod } : {}),
  };
}

/** The device of a NIC where no device plugin was asked: it is the first of its bus for every NIC. */
const ASSUMED_DEVICE = "0000:01:10.0";

/** What a pod would know about the device of a NIC whose network is of type sriov; undefined for others. */
export function assumedDevices(
  { spec, resourceName }: DecidedNic,
  request: PodNetworkRequest | undefined,
): PodDevices | undefined {
  if (resourceName === undefined || request?.config?.plugins[0]?.type !== "sriov") return undefined;
  const info = { type: "pci", version: "1.1.0", pci: { "pci-address": ASSUMED_DEVICE } };
  return {
    environment: { [deviceVariable(resourceName)]: ASSUMED_DEVICE },
    networkInfo: networkInfoText([{ network: spec.name, info }]),
  };
}
