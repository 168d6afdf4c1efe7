import { defined, type DeviceInfo } from "@netbind/contract";
import { isPciAddress } from "./allocated-devices.ts";

/** What the annotation `kubevirt.io/network-info`, and the launcher's file of it, reports of a pod's networks. */
interface NetworkInfo {
  readonly interfaces?: readonly {
    readonly network?: string;
    readonly deviceInfo?: { readonly type?: string; readonly pci?: { readonly "pci-address"?: string } };
  }[];
}

/** What cannot be read counts as empty: the file is empty until the pod is ready. */
function entriesOf(text: string): NonNullable<NetworkInfo["interfaces"]> {
  try {
    const info = JSON.parse(text || "{}") as NetworkInfo | null;
    return Array.isArray(info?.interfaces)
      ? info.interfaces.filter((entry) => typeof entry === "object" && entry !== null)
      : [];
  } catch {
    return [];
  }
}

/** The PCI address of each network's device, by the network's logical name. */
export const pciAddressesOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    entriesOf(text).flatMap(({ network, deviceInfo }) => {
      const address = deviceInfo?.pci?.["pci-address"];
      return network !== undefined && isPciAddress(address) ? [[network, address] as const] : [];
    }),
  );

/** What is reported of a network's device; undefined where nothing is. */
export function deviceInfoOf(text: string, network: string): DeviceInfo | undefined {
  const info = entriesOf(text).find((entry) => entry.network === network)?.deviceInfo;
  if (typeof info?.type !== "string") return undefined;
  const address = info.pci?.["pci-address"];
  return { type: info.type, ...defined({ pciAddress: isPciAddress(address) ? address : undefined }) };
}

/** Writes the file as KubeVirt does: sorted by network, without what is empty. */
export const networkInfoText = (
  devices: readonly { readonly network: string; readonly info?: object; readonly mac?: string }[],
): string =>
  JSON.stringify({
    interfaces: [...devices]
      .sort((a, b) => (a.network < b.network ? -1 : 1))
      .map(({ network, info, mac }) => ({ network, ...defined({ deviceInfo: info, mac: mac || undefined }) })),
  });
