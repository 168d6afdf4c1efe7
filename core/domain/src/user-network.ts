import { defined, type DomainPlan } from "@netbind/contract";
import type { NicDomain } from "./device.ts";

type UserNetwork = DomainPlan & { readonly kind: "userNetwork" };

/** QEMU's name of a model's device. */
function driverOf({ model, transitional }: NicDomain): string {
  if (model !== "virtio") return model;
  return transitional ? "virtio-net-pci-transitional" : "virtio-net-pci-non-transitional";
}

/** A place on the PCI bus in QEMU's words: libvirt calls the bus by its controller's number, and the first by the machine. */
function placeOf(address: string, machine: string): { readonly bus: string; readonly addr: string } {
  const [, bus = "0", slot = "0", fn = "0"] = address
    .split(/[:.]/)
    .map((digits) => String(Number.parseInt(digits, 16)));
  const root = machine.includes("i440fx") || machine === "pc" ? "pci.0" : "pcie.0";
  return {
    bus: bus === "0" ? root : `pci.${bus}`,
    addr: `0x${Number(slot).toString(16)}.0x${Number(fn).toString(16)}`,
  };
}

/** A value in a list of options: a comma is written twice. */
const escaped = (value: string): string => value.replaceAll(",", ",,");

/** How QEMU is configured with a network inside itself: the options that libvirt has no words for (qemu(1), -netdev user). */
export function userNetworkArguments(
  nic: NicDomain,
  { network, search, forward }: UserNetwork,
  machine: string,
): readonly string[] {
  const options = [
    ["id", nic.name],
    ["net", network],
    ...search.map((domain) => ["dnssearch", domain]),
    ...forward.map(({ protocol, port }) => ["hostfwd", `${protocol.toLowerCase()}::${port}-:${port}`]),
  ].map(([key, value]) => `${key}=${escaped(value ?? "")}`);
  const device = {
    driver: driverOf(nic),
    netdev: nic.name,
    id: nic.name,
    ...defined({ mac: nic.mac }),
    ...(nic.pciAddress === undefined ? {} : placeOf(nic.pciAddress, machine)),
    ...defined({ bootindex: nic.bootOrder, "acpi-index": nic.acpiIndex }),
  };
  return ["-netdev", ["user", ...options].join(","), "-device", JSON.stringify(device)];
}
