/** Sees that a guest has what a case's golden files say, by its own account. */
import { type DomainNic, domainNics } from "@netbind/domain";
import type { LocalPodRecord } from "@netbind/local";
import { expect } from "vitest";
import { type GuestNic, guestNics } from "../guest/guest-nics.ts";
import type { Lab } from "../guest/lab.ts";
import { type Golden, type GoldenService, macOf } from "./golden.ts";

const PCI_ADDRESS = /<address type='pci' domain='0x(\w+)' bus='0x(\w+)' slot='0x(\w+)' function='0x(\w)'/;
export const ETHERNET_MTU = 1500;
/** passt's own, by its own DHCP: no packet of its guest is one of the pod's. */
const PASST_MTU = 65_520;

/** What guests have that no server of the plan gave them: of QEMU's own network, or the pod's by passt. */
export const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  slirp: ["inet 10.0.2.15/24"],
  passt: ["inet 10.244.0.2/24", "inet6 fd10:244::2/128"],
};

/** What a NIC's model is to its guest. */
const driverOf = (nic: DomainNic | undefined): string => {
  const model = /<model type='([\w-]+)'/.exec(nic?.xml ?? "")?.[1] ?? "virtio";
  return model.startsWith("virtio") ? "virtio_net" : model;
};

/** What a guest's DHCP client has heard of a server, line by line. */
const leaseOf = (service: GoldenService): readonly string[] => [
  `ip=${service.client?.address}`,
  `mask=${service.client?.prefix}`,
  `serverid=${service.server}`,
  `router=${service.router ?? ""}`,
  `hostname=${service.hostname}`,
  `mtu=${service.mtu}`,
  `bootfile=${service.bootFileName ?? ""}`,
  `tftp=${service.tftpServerName ?? ""}`,
  `ntpsrv=${service.ntpServers?.join(" ")}`,
  ...(service.privateOptions ?? []).map(({ option, value }) => `opt${option}=${Buffer.from(value).toString("hex")}`),
];

/** Each NIC that the plan serves has its lease, and no other has one. */
async function expectLeases(
  golden: Golden,
  name: string,
  lab: Lab,
  record: LocalPodRecord,
  found: ReadonlyMap<string, GuestNic>,
): Promise<void> {
  const reported = await lab.inGuest(record.name, "for f in /run/lease.eth*; do [ -e $f ] && cat $f; done; true");
  const leases = reported.split(/^(?=interface=)/m).map((text) => text.split("\n").map((line) => line.trim()));
  for (const nic of golden.nics.filter(({ binding }) => !Object.hasOwn(ADDRESSES, binding))) {
    const interfaceName = found.get(macOf(nic, golden, record))?.name;
    const lease = leases.find(([first]) => first === `interface=${interfaceName}`);
    const service = nic.services.find(({ kind }) => kind === "dhcp4");
    if (service === undefined) expect(lease, `${name}: NIC ${nic.name}`).toBeUndefined();
    else expect(lease, `${name}: NIC ${nic.name}`).toEqual(expect.arrayContaining([...leaseOf(service)]));
  }
}

/** A guest's NICs are as many as the case says, and each is what it says. */
export async function expectGuest(golden: Golden, name: string, lab: Lab, record: LocalPodRecord): Promise<void> {
  await lab.booted(record.name);
  const found = await guestNics(lab, record.name);
  expect([...found.keys()].sort(), name).toEqual(golden.nics.map((nic) => macOf(nic, golden, record)).sort());
  for (const nic of golden.nics) {
    const element = domainNics(golden.domain).find((one) => one.name === nic.name);
    const driver = driverOf(element);
    const reported =
      driver === "virtio_net"
        ? element?.xml.includes("<mtu ") === true
        : nic.services.some(({ kind }) => kind === "dhcp4");
    const untold = nic.binding === "passt" ? PASST_MTU : ETHERNET_MTU;
    const [, ...place] = PCI_ADDRESS.exec(element?.xml ?? "") ?? [];
    const desired: Partial<GuestNic> = {
      ...{ driver, carrier: "1", rxQueues: nic.queues ?? 1, mtu: reported ? nic.pod.mtu : untold },
      ...(place.length === 0 ? {} : { pci: `${place.slice(0, 3).join(":")}.${place[3]}` }),
    };
    expect(found.get(macOf(nic, golden, record)), `${name}: NIC ${nic.name}`).toMatchObject(desired);
  }
  await expectLeases(golden, name, lab, record, found);
}
