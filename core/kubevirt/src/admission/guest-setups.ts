import { parseHardwareAddress } from "../nic/hardware-address.ts";
import { type NetworkDataEntry, readNetworkData } from "../nic/network-data.ts";
import { interfaceStatusOf } from "../vmi.ts";
import type { RuleContext } from "./rules/rule.ts";

/** What a cloud-init volume of a VM sets up of the guest's network. */
export interface GuestNetwork {
  /** The field that says it, or names the Secret that does. */
  readonly field: string;
  readonly entries: readonly NetworkDataEntry[];
  /** Empty where there is none, or it is not known. */
  readonly userData: string;
}

const NETWORK_DATA = ["networkData", "networkDataBase64", "networkDataSecretRef"] as const;

/** What is known of the cloud-init volumes of a VM. */
export function guestSetups({ vmi, surroundings }: RuleContext): readonly GuestNetwork[] {
  const { guestSetupOf } = surroundings;
  if (guestSetupOf === undefined) return [];
  return (vmi.spec.volumes ?? []).flatMap((volume, at) =>
    (["cloudInitNoCloud", "cloudInitConfigDrive"] as const).flatMap((kind) => {
      const source = volume[kind];
      if (source === undefined) return [];
      const { networkData, userData = "" } = guestSetupOf(source, vmi.metadata.namespace);
      const key = NETWORK_DATA.find((name) => source[name] !== undefined) ?? NETWORK_DATA[0];
      return [{ field: `spec.volumes[${at}].${kind}.${key}`, entries: readNetworkData(networkData), userData }];
    }),
  );
}

/** A MAC address as two digits a byte with colons; undefined for anything else. */
export const plainMac = (text: string): string | undefined => parseHardwareAddress(text)?.join(":");

/** The MAC addresses of a VM's NICs as far as they are named, in the order of the interfaces. */
export const macsOf = ({ interfaces, vmi }: RuleContext): readonly (string | undefined)[] =>
  interfaces.map(({ name, macAddress }) => plainMac(macAddress ?? interfaceStatusOf(vmi, name)?.mac ?? ""));

/**
 * The place among a VM's NICs of a name that Linux gives network cards by their order: `eth0`, or `enp1s0` for the card in
 * the first of the slots that libvirt fills with NICs before all else. Undefined for other names, and where the VM's devices
 * are not in that order.
 */
export function placeOfName(name: string, { vmi, interfaces }: RuleContext): number | undefined {
  const { gpus = [], hostDevices = [] } = vmi.spec.domain.devices;
  const isMoved = interfaces.some(
    (nic) =>
      nic.sriov !== undefined || nic.binding !== undefined || Boolean(nic.pciAddress) || nic.acpiIndex !== undefined,
  );
  if (isMoved || gpus.length + hostDevices.length > 0) return undefined;
  const [, eth, slot] = /^(?:eth(\d{1,3})|enp([1-9]\d{0,2})s0)$/.exec(name) ?? [];
  if (eth !== undefined) return Number(eth);
  return slot === undefined ? undefined : Number(slot) - 1;
}

/** The index of the interface that an entry of network data is about; undefined where that is unknown. */
export function nicOfEntry(
  entry: NetworkDataEntry,
  all: readonly NetworkDataEntry[],
  subject: RuleContext,
): number | undefined {
  const { interfaces } = subject;
  if (entry.mac !== undefined) {
    const at = macsOf(subject).indexOf(plainMac(entry.mac));
    return at === -1 || plainMac(entry.mac) === undefined ? undefined : at;
  }
  const place = entry.name === undefined ? undefined : placeOfName(entry.name, subject);
  if (place !== undefined) return place < interfaces.length ? place : undefined;
  return interfaces.length === 1 && all.length === 1 ? 0 : undefined;
}
