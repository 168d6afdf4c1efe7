/** A NIC as cloud-init's network configuration describes it. */
export interface NetworkDataEntry {
  /** Where it stands: `ethernets.eth0`, or `config[0]`. */
  readonly path: string;
  /** The interface's name in the guest, where the entry is found by it; absent where it is found by something else. */
  readonly name?: string;
  /** The MAC address that it is found by, as it is written. */
  readonly mac?: string;
  /** Static addresses, with or without a prefix, as they are written. */
  readonly addresses: readonly string[];
  /** IP families that are asked for by DHCP. */
  readonly dhcp: readonly (4 | 6)[];
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** A name that stands for itself, not for a pattern's matches. */
const isPlainName = (name: string | undefined): name is string => name !== undefined && !/[*?[\]]/.test(name);

/** An address, or a mapping from one to what else is said of it. */
const addressesOf = (value: unknown): readonly string[] =>
  listOf(value).flatMap((one) => textOf(one) ?? Object.keys(fieldsOf(one)).slice(0, 1));

/** An entry of `ethernets` (version 2, netplan's format). */
function ethernetEntry(id: string, ethernet: Fields): NetworkDataEntry {
  const match = ethernet["match"] === undefined ? undefined : fieldsOf(ethernet["match"]);
  const [name, mac] = match === undefined ? [id, undefined] : [textOf(match["name"]), textOf(match["macaddress"])];
  return {
    path: `ethernets.${id}`,
    ...(mac === undefined && isPlainName(name) ? { name } : {}),
    ...(mac === undefined ? {} : { mac }),
    addresses: addressesOf(ethernet["addresses"]),
    dhcp: [...(ethernet["dhcp4"] === true ? [4 as const] : []), ...(ethernet["dhcp6"] === true ? [6 as const] : [])],
  };
}

const dhcpOf = (type: string): readonly (4 | 6)[] => {
  if (type === "dhcp" || type === "dhcp4") return [4];
  return type === "dhcp6" || type.startsWith("ipv6_dhcp") ? [6] : [];
};

/** A `physical` item of `config` (version 1). */
function physicalEntry(at: number, item: Fields): NetworkDataEntry {
  const subnets = listOf(item["subnets"]).map(fieldsOf);
  const [name, mac] = [textOf(item["name"]), textOf(item["mac_address"])];
  return {
    path: `config[${at}]`,
    ...(mac === undefined && isPlainName(name) ? { name } : {}),
    ...(mac === undefined ? {} : { mac }),
    addresses: subnets
      .filter(({ type }) => type === "static" || type === "static6")
      .flatMap(({ address }) => textOf(address) ?? []),
    dhcp: subnets.flatMap(({ type }) => dhcpOf(textOf(type) ?? "")),
  };
}

const OPENSTACK_DHCP: Readonly<Record<string, 4 | 6>> = { ipv4_dhcp: 4, ipv6_dhcp: 6, ipv6_slaac: 6 };

/** An item of `links` (OpenStack's format, which a configuration drive has), with what `networks` say of it. */
function linkEntry(at: number, link: Fields, networks: readonly Fields[]): NetworkDataEntry {
  const own = networks.filter((network) => network["link"] !== undefined && network["link"] === link["id"]);
  const mac = textOf(link["ethernet_mac_address"]);
  return {
    path: `links[${at}]`,
    ...(mac === undefined ? {} : { mac }),
    addresses: own.flatMap((network) => textOf(network["ip_address"]) ?? []),
    dhcp: own.flatMap((network) => OPENSTACK_DHCP[textOf(network["type"]) ?? ""] ?? []),
  };
}

/** Kinds of links that are made of others. */
const COMPOUND: readonly unknown[] = ["bond", "vlan"];

/** The physical NICs of a network configuration for cloud-init, version 1 or 2 or OpenStack's, in its order; none of anything else. */
export function readNetworkData(value: unknown): readonly NetworkDataEntry[] {
  const root = fieldsOf(value);
  const { version, ethernets, config } = isFields(root["network"]) ? root["network"] : root;
  const format = typeof version === "string" ? Number(version) : version;
  if (format === 2)
    return Object.entries(fieldsOf(ethernets)).map(([id, ethernet]) => ethernetEntry(id, fieldsOf(ethernet)));
  if (format === 1)
    return listOf(config).flatMap((item, at) =>
      fieldsOf(item)["type"] === "physical" ? [physicalEntry(at, fieldsOf(item))] : [],
    );
  const networks = listOf(root["networks"]).map(fieldsOf);
  const links = listOf(root["links"]).map(fieldsOf);
  return links.flatMap((link, at) => (COMPOUND.includes(link["type"]) ? [] : [linkEntry(at, link, networks)]));
}
