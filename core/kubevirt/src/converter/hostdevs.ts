import { COMMON_MACHINE, hostDevice, type XmlElement } from "@netbind/domain";
import type { Vmi } from "../api.ts";
import { hasInfoSource } from "../status/info-source.ts";
import { nicBeforePod } from "./convert.ts";
import { pciAddressesOf } from "../pod/network-info.ts";
import { interfacesOf, interfaceStatusOf } from "../vmi.ts";
import { noPciDevice, noPciDeviceOfNetwork } from "../errors.ts";

/** The PCI address of each network's device, from the launcher's file. @throws BindingError where it has none at all */
function addressesOf(networkInfo: string): ReadonlyMap<string, string> {
  const addresses = pciAddressesOf(networkInfo);
  if (addresses.size > 0) return addresses;
  throw noPciDevice();
}

/**
 * The host devices of a VM's SR-IOV NICs: those whose network is reported to be in the pod. None on a migration's
 * target, where they come after the guest. Source: reference, section 4.4.
 *
 * @throws BindingError PLAN_IMPOSSIBLE where a NIC's device is not reported
 */
export function sriovDevices(vmi: Vmi, networkInfo: string): readonly XmlElement[] {
  const reported = (name: string): boolean => hasInfoSource(interfaceStatusOf(vmi, name)?.infoSource, "multus-status");
  const nics = interfacesOf(vmi).filter(({ name, sriov }) => sriov !== undefined && reported(name));
  if (nics.length === 0) return [];
  const addresses = addressesOf(networkInfo);
  return nics.map((nic) => {
    const address = addresses.get(nic.name);
    if (address !== undefined) return hostDevice(nicBeforePod(vmi, nic, COMMON_MACHINE), address);
    throw noPciDeviceOfNetwork(nic.name);
  });
}
