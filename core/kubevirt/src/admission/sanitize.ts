import { defined, formatAddress, parseAddress } from "@netbind/contract";
import type { Vmi, VmiInterface, VmiNetwork, VmiSpec } from "../api.ts";

const MAPPED = 0xffffn << 32n;

/** Leading zeros of a dotted address, which older software wrote, and which mean nothing here. */
const withoutLeadingZeros = (text: string): string =>
  text.replace(/(?<![^.:])\d+(?=\.|$)/g, (digits) => digits.replace(/^0+(?=\d)/, ""));

/**
 * Reads an IPv4 address as KubeVirt's decoder does: with leading zeros, or as an IPv6 address that holds one
 * (`::ffff:1.2.3.4`). Gives its canonical text; undefined for anything else.
 */
export function parseIpv4Sloppy(text: string): string | undefined {
  const address = parseAddress(withoutLeadingZeros(text));
  if (address === undefined) return undefined;
  if (address.family === 4) return formatAddress(4, address.value);
  return address.value >> 32n === MAPPED >> 32n ? formatAddress(4, address.value & 0xffff_ffffn) : undefined;
}

/** An address of either family in canonical text; what is none stays as it is. */
function sanitizeAddress(text: string): string {
  const address = parseAddress(withoutLeadingZeros(text));
  return parseIpv4Sloppy(text) ?? (address === undefined ? text : formatAddress(address.family, address.value));
}

/** `address/prefix` in canonical text with the host's part kept; what is none stays as it is. */
function sanitizeCidr(text: string): string {
  const [host = "", prefix = "", ...more] = text.split("/");
  const address = parseAddress(withoutLeadingZeros(host));
  const bits = address?.family === 6 ? 128 : 32;
  if (address === undefined || more.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) return text;
  return `${formatAddress(address.family, address.value)}/${Number(prefix)}`;
}

function sanitizeNetwork(network: VmiNetwork): VmiNetwork {
  const { multus } = network;
  // A name that is not there is an empty one.
  if (multus !== undefined && multus.networkName === undefined)
    return { ...network, multus: { ...multus, networkName: "" } };
  const cidr = network.pod?.vmNetworkCIDR;
  return cidr ? { ...network, pod: { ...network.pod, vmNetworkCIDR: sanitizeCidr(cidr) } } : network;
}

function sanitizeInterface(nic: VmiInterface): VmiInterface {
  const servers = nic.dhcpOptions?.ntpServers;
  if (servers === undefined || servers.length === 0) return nic;
  return { ...nic, dhcpOptions: { ...nic.dhcpOptions, ntpServers: servers.map(sanitizeAddress) } };
}

/** Brings the addresses of a spec to their canonical text, and fills in what must be there, as KubeVirt's API does when it reads one (reference, 1.5). */
export function sanitizeSpec(spec: VmiSpec): VmiSpec {
  const { networks, domain } = spec;
  const { interfaces } = domain.devices;
  const devices = { ...domain.devices, ...defined({ interfaces: interfaces?.map(sanitizeInterface) }) };
  return { ...spec, ...defined({ networks: networks?.map(sanitizeNetwork) }), domain: { ...domain, devices } };
}

/** A VM with the spec that KubeVirt's API would keep. */
export const sanitizeVmi = (vmi: Vmi): Vmi => ({ ...vmi, spec: sanitizeSpec(vmi.spec) });
