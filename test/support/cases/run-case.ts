/** Golden cases on this machine: what `run` makes of a case's own files is what its golden files say. */
import { domainNics } from "@netbind/domain";
import { ensureImage, findVm, stateDirectories, type VmStatus } from "@netbind/local";
import { exec } from "@netbind/netns";
import { expect } from "vitest";
import { expectInGuest, type Lab } from "../guest/lab.ts";
import { netbind } from "../guest/netbind.ts";
import { TestNetns } from "../netns/netns.ts";
import { listedCases } from "./cases.ts";
import { ADDRESSES, ETHERNET_MTU, expectGuest } from "./expect-guest.ts";
import { expectDomain, expectPod } from "./expect-set-up.ts";
import { type GoldenNic, macOf, readGoldenCase } from "./golden.ts";
import { startCase } from "./start-case.ts";

const withoutPrefix = (address: string): string => address.replace(/\/\d+$/, "");

/** Runs a case, and compares all that `run` made with its golden files. Gives what was reported, while the VM runs. */
async function runCase(lab: Lab, machine: TestNetns, name: string, guest: boolean): Promise<VmStatus> {
  const golden = readGoldenCase(name);
  const status = await startCase(lab, machine, name, golden, guest ? 120 : 0);
  const record = findVm(lab.state, `${status.namespace}/${status.name}`);
  const addressesOf = (nic: GoldenNic): readonly string[] =>
    nic.services.flatMap(({ client }) => client?.address ?? []);
  const isAttached = new Set(domainNics(golden.domain).map((nic) => nic.name));
  expect(
    status.nics.map(({ ports: _, traffic: __, ...nic }) => nic),
    name,
  ).toEqual(
    golden.nics.map((nic) => ({
      name: nic.name,
      binding: nic.binding,
      mac: macOf(nic, golden, record),
      podAddresses: nic.pod.addresses.map(withoutPrefix),
      guestAddresses: guest ? addressesOf(nic) : expect.any(Array),
      plannedAddresses: addressesOf(nic).length,
      ...(nic.domain.kind === "tap" ? { mtu: nic.pod.mtu } : {}),
      ...(isAttached.has(nic.name) ? { queueCount: nic.queues ?? 1 } : {}),
    })),
  );
  await expectPod(golden, name, status, record);
  await expectDomain(golden, name, record);
  if (guest) await expectGuest(golden, name, lab, record);
  const checked = await netbind(["check"], { env: lab.env });
  expect(checked.code, `${name}: ${checked.stdout}`).toBe(0);
  return status;
}

/** The cases that the table says a test file tries, in the table's order. */
export const casesTriedBy = (file: string): readonly string[] =>
  listedCases()
    .filter(({ guests }) => guests.includes(file))
    .map(({ name }) => name);

/**
 * Tries a case on a machine of its own, a namespace with a link `eth0`: all that `run` makes is what the golden files say
 * (the report, the pod, the domain, and with `guest` what the guest itself has), and nothing is left when the VM is stopped.
 */
export async function tryCase(lab: Lab, name: string, guest: boolean): Promise<void> {
  await ensureImage(exec, stateDirectories(process.env).cache, () => undefined);
  await using machine = await TestNetns.make();
  await using lan = await TestNetns.make();
  await TestNetns.cable(machine, lan, ["eth0", "lan0"], ["10.254.0.9/24", "10.254.0.1/24"], ETHERNET_MTU);
  const status = await runCase(lab, machine, name, guest);
  const vm = `${status.namespace}/${status.name}`;
  if (guest)
    for (const { binding } of status.nics) await expectInGuest(lab, vm, "ip addr show", ADDRESSES[binding] ?? []);
  await lab.stop(vm);
}
