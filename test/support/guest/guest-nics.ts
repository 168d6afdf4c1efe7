import type { Lab } from "./lab.ts";

/** A NIC as the guest's kernel shows it. */
export interface GuestNic {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly carrier: string;
  readonly driver: string;
  /** Of the PCI device that it is on. */
  readonly pci: string;
  readonly rxQueues: number;
  readonly acpiIndex: string;
}

/** With few children: a guest that is emulated on a busy machine takes long for each. */
const SHOW = `for n in /sys/class/net/eth*; do [ -e $n ] || continue; read -r mac < $n/address; read -r mtu < $n/mtu; carrier=-; read -r carrier 2> /dev/null < $n/carrier
d=$(readlink -f $n/device); driver=$(readlink $n/device/driver); pci=\${d%/virtio*}; set -- $n/queues/rx-*
acpi=-; [ -e $pci/acpi_index ] && read -r acpi < $pci/acpi_index
echo nic \${n##*/} $mac $mtu \${carrier:--} \${driver##*/} \${pci##*/} $# $acpi; done`;

/** The NICs of a guest, by MAC address. */
export async function guestNics(lab: Lab, vm: string): Promise<ReadonlyMap<string, GuestNic>> {
  const text = await lab.inGuest(vm, SHOW);
  const nics = text.split("\n").flatMap((line): readonly GuestNic[] => {
    const [word, name = "", mac = "", mtu = "", carrier = "", driver = "", pci = "", queues = "", acpiIndex = ""] = line
      .trim()
      .split(" ");
    return word === "nic"
      ? [{ name, mac, mtu: Number(mtu), carrier, driver, pci, rxQueues: Number(queues), acpiIndex }]
      : [];
  });
  return new Map(nics.map((nic) => [nic.mac, nic]));
}
