import { BindingError, type XmlElement } from "@netbind/contract";
import type { Vmi } from "../api.ts";
import { hasInfoSource } from "../facts/info-source.ts";
import { nicBeforePod } from "./convert.ts";
import { COMMON_MACHINE, element, pciAddress, plannedDevice } from "./device.ts";

/** The file's content that tells a launcher of its pod's devices (annotation `kubevirt.io/network-info`). */
interface NetworkInfo {
  readonly interfaces?: readonly {
    readonly network?: string;
    readonly deviceInfo?: { readonly pci?: { readonly "pci-address"?: string } };
  }[];
}

const PCI_ADDRESS = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i;

/** The PCI address of each network's device, from the launcher's file. @throws BindingError where it has none at all */
function addressesOf(networkInfo: string): ReadonlyMap<string, string> {
  let info: NetworkInfo = {};
  try {
    info = JSON.parse(networkInfo || "{}") as NetworkInfo;
  } catch {
    // What cannot be read says nothing.
  }
  const addresses = (Array.isArray(info?.interfaces) ? info.interfaces : []).flatMap(({ network, deviceInfo }) => {
    const address = deviceInfo?.pci?.["pci-address"];
    return network !== undefined && address !== undefined && PCI_ADDRESS.test(address) ? [[network, address] as const] : [];
  });
  if (addresses.length > 0) return new Map(addresses);
  throw new BindingError(
    "PLAN_IMPOSSIBLE",
    "the pod tells of no PCI device",
    "see that the NetworkAttachmentDefinition names a device plugin's resource, and that the pod requests it",
  );
}

/** A host's PCI device, handed to the guest. Alias, guest address, boot order come from the NIC. */
const hostdev = (address: string): XmlElement => ({
  name: "hostdev",
  attributes: { type: "pci", managed: "no" },
  children: [element("source", {}, pciAddress(address))],
});

/**
 * The host devices of a VM's SR-IOV NICs: those whose network is reported to be in the pod. None on a migration's target,
 * where they come after the guest. Source: reference, section 4.4.
 *
 * @throws BindingError PLAN_IMPOSSIBLE where a NIC's device is not told of
 */
export function sriovDevices(vmi: Vmi, networkInfo: string): readonly XmlElement[] {
  const reported = (name: string): boolean =>
    vmi.status?.interfaces?.some((entry) => entry.name === name && hasInfoSource(entry.infoSource, "multus-status")) === true;
  const nics = (vmi.spec.domain.devices.interfaces ?? []).filter(({ name, sriov }) => sriov !== undefined && reported(name));
  if (nics.length === 0) return [];
  const addresses = addressesOf(networkInfo);
  return nics.map((nic) => {
    const address = addresses.get(nic.name);
    if (address !== undefined) {
      const { acpiIndex: _, ...domain } = nicBeforePod(vmi, nic, COMMON_MACHINE);
      return plannedDevice(domain, hostdev(address));
    }
    throw new BindingError(
      "PLAN_IMPOSSIBLE",
      `the pod tells of no PCI device for network "${nic.name}"`,
      "see that each SR-IOV network has a device of its own",
    );
  });
}
