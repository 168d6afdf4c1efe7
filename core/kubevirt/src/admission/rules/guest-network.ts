import {
  addressOf,
  cidrHost,
  type IpFamily,
  parseAddress,
  parseCidr,
  type Violation,
  violation,
} from "@netbind/contract";
import type { VmiNetwork } from "../../api.ts";
import type { NetworkDataEntry } from "../../nic/network-data.ts";
import { type GuestNetwork, guestSetups, macsOf, nicOfEntry, placeOfName, plainMac } from "../guest-setups.ts";
import { ignored } from "./netbind-rules.ts";
import { quote, type Rule, type RuleContext } from "./rule.ts";

/** The guest's networks behind masquerade where the VM names none. */
const DEFAULT_CIDRS = { 4: "10.0.2.0/24", 6: "fd10:0:2::/120" } as const;
/** Of its network the first host is the gateway, the second the guest. */
const GUEST_HOST = 2;

/** The one address of a family that masquerade forwards to; undefined where its network is not one. */
function guestAddress({ pod }: VmiNetwork, family: IpFamily): string | undefined {
  const cidr = parseCidr((family === 4 ? pod?.vmNetworkCIDR : pod?.vmIPv6NetworkCIDR) || DEFAULT_CIDRS[family]);
  return cidr?.family === family ? cidrHost(cidr, GUEST_HOST) : undefined;
}

const isLinkLocal = (address: string): boolean => /^(169\.254\.|fe[89ab])/i.test(address);

/** The first static address of a family, where none is the guest's own behind masquerade, and DHCP is not asked for it. */
function otherAddress({ addresses, dhcp }: NetworkDataEntry, family: IpFamily, own: string): string | undefined {
  const given = addresses.filter((text) => parseAddress(addressOf(text))?.family === family && !isLinkLocal(text));
  const isOwn = (text: string): boolean => parseAddress(addressOf(text))?.value === parseAddress(own)?.value;
  return dhcp.includes(family) || given.some(isOwn) ? undefined : given[0];
}

function otherAddresses(
  entry: NetworkDataEntry,
  { field, entries }: GuestNetwork,
  subject: RuleContext,
): readonly Violation[] {
  const nic = subject.interfaces[nicOfEntry(entry, entries, subject) ?? -1];
  const network = nic === undefined ? undefined : subject.networkOf(nic);
  if (nic?.masquerade === undefined || network?.pod === undefined) return [];
  return ([4, 6] as const).flatMap((family) => {
    const own = guestAddress(network, family);
    const other = own === undefined ? undefined : otherAddress(entry, family, own);
    if (other === undefined) return [];
    return [
      violation(
        field,
        `${entry.path} gives interface ${quote(nic.name)} the address ${quote(other)}, and masquerade forwards to ${own} alone`,
        `use DHCP or ${own} there, or set ${family === 4 ? "vmNetworkCIDR" : "vmIPv6NetworkCIDR"} of its network`,
      ),
    ];
  });
}

/** What a NIC is looked for by that no NIC has, and what to do. */
type Missing = Pick<Violation, "problem" | "fix">;

/** Devices of the host may be network cards whose addresses stand nowhere in the VM. */
function hasForeignNics({ vmi, interfaces }: RuleContext): boolean {
  const { gpus = [], hostDevices = [] } = vmi.spec.domain.devices;
  return (
    hostDevices.length + gpus.length > 0 ||
    interfaces.some(({ sriov, macAddress }) => sriov !== undefined && !macAddress)
  );
}

function missingMac(mac: string, path: string, subject: RuleContext): Missing | undefined {
  const [plain, macs] = [plainMac(mac), macsOf(subject)];
  if (plain === undefined || macs.includes(plain) || hasForeignNics(subject)) return undefined;
  // A CNI plugin may get the address there.
  if (Object.values(subject.vmi.metadata.annotations ?? {}).some((text) => text.toLowerCase().includes(plain)))
    return undefined;
  const free = subject.interfaces[macs.indexOf(undefined)];
  return {
    problem: `${path} is for the MAC address ${quote(mac)}, which no interface of the VM has`,
    fix:
      free === undefined
        ? `use ${macs.join(" or ")}`
        : `write macAddress: ${quote(plain)} in an interface: ${quote(free.name)} names none, and its address changes with every pod`,
  };
}

function missingName(name: string, path: string, subject: RuleContext): Missing | undefined {
  const place = placeOfName(name, subject);
  const { length } = subject.interfaces;
  if (
    place === undefined ||
    place < length ||
    subject.networks.some(({ resourceClaim }) => resourceClaim !== undefined)
  )
    return undefined;
  return {
    problem: `${path} is for the network card ${quote(name)}, and the VM has ${length === 1 ? "one interface" : `${length} interfaces`}`,
    fix: "use the name that the guest gives the card, or match its macAddress",
  };
}

function missingNic({ path, mac, name }: NetworkDataEntry, subject: RuleContext): Missing | undefined {
  if (mac !== undefined) return missingMac(mac, path, subject);
  return name === undefined ? undefined : missingName(name, path, subject);
}

/** Makes a predicate from one that looks at a NIC of a volume's network data. */
const perEntry =
  (find: (entry: NetworkDataEntry, setup: GuestNetwork, subject: RuleContext) => readonly Violation[]): Rule["find"] =>
  (subject) =>
    guestSetups(subject).flatMap((setup) => setup.entries.flatMap((entry) => find(entry, setup, subject)));

/** What is asked of the network configuration that cloud-init gives the guest. Source: reference, sections 2.4 and 3.5. */
export const GUEST_NETWORK_RULES: readonly Rule[] = [
  ignored({
    id: "CLOUD-2",
    means: "A static address of a guest behind masquerade is the one that masquerade forwards to.",
    why: "The guest's traffic is translated for the second host of vmNetworkCIDR alone (10.0.2.2, fd10:0:2::2 where it is not set).",
    fix: "use DHCP or that address in networkData, or set vmNetworkCIDR",
    find: perEntry(otherAddresses),
  }),
  ignored({
    id: "CLOUD-3",
    means: "A NIC that networkData configures is one that the VM has.",
    why: "cloud-init leaves out what it finds no network card for, and the NIC that was meant stays without an address.",
    fix: "use the MAC address or the name of one of the VM's NICs",
    find: perEntry((entry, { field }, subject) => {
      const missing = missingNic(entry, subject);
      return missing === undefined ? [] : [violation(field, missing.problem, missing.fix)];
    }),
  }),
];
