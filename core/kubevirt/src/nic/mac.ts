import { normalizeMac } from "@netbind/contract";
import type { Vmi, VmiInterface } from "../api.ts";
import { sha256 } from "../values/sha256.ts";
import { interfaceStatusOf } from "../vmi.ts";

/** The MAC address that a NIC was given: by its author, else by the VM's status. */
function givenMac(vmi: Vmi, nic: VmiInterface): string | undefined {
  const inStatus = interfaceStatusOf(vmi, nic.name)?.mac;
  return [nic.macAddress, inStatus].flatMap((text) => (text === undefined ? [] : (normalizeMac(text) ?? [])))[0];
}

/** True where a NIC's MAC address is given, and need not be found. */
export const hasOwnMac = (vmi: Vmi, nic: VmiInterface): boolean => givenMac(vmi, nic) !== undefined;

/**
 * A NIC's MAC address: the author's, else the one in the VMI's status, else one derived from namespace, VM and NIC, so
 * that a VM keeps it from one start to the next. A derived one is locally administered and never the in-pod bridge's.
 */
export function nicMac(vmi: Vmi, nic: VmiInterface): string {
  const given = givenMac(vmi, nic);
  if (given !== undefined) return given;
  const digits = sha256(`${vmi.metadata.namespace}/${vmi.metadata.name}/${nic.name}`).slice(0, 10);
  return ["02", ...((digits === "0000000000" ? "0000000001" : digits).match(/../g) ?? [])].join(":");
}
