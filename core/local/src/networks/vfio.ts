import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isPciAddress } from "@netbind/kubevirt/pod";
import { type Exec, waitUntil } from "@netbind/netns";
import type { DeviceNode } from "./emulated-plugin.ts";
import { invalidPciAddress, missingDriver, noIommu, sharedIommuGroup, unboundDevice } from "../errors.ts";

const PCI = "/sys/bus/pci";
const DRIVER = "vfio-pci";
/** Major and minor number of /dev/vfio/vfio (the kernel's list of devices). */
const CONTAINER = { path: "/dev/vfio/vfio", major: 10, minor: 196 } as const;
const DRIVER_TIMEOUT = 10_000;

const pathOf = (address: string): string => {
  if (!isPciAddress(address)) throw invalidPciAddress(address);
  return join(PCI, "devices", address);
};
const driverOf = (address: string): string => {
  const link = join(pathOf(address), "driver");
  return existsSync(link) ? basename(readlinkSync(link)) : "";
};

/** The IOMMU group of a device. @throws Error where it has none, or another owner's devices are in it */
function groupOf(address: string): string {
  const link = join(pathOf(address), "iommu_group");
  if (!existsSync(link)) throw noIommu(address);
  const others = readdirSync(join(link, "devices")).filter(
    (other) => other !== address && !["", "pcieport", DRIVER].includes(driverOf(other)),
  );
  const group = basename(readlinkSync(link));
  if (others.length === 0) return group;
  throw sharedIommuGroup(address, group, others);
}

/** Says which driver may have a device, whatever others know it too; empty: any. */
const override = (address: string, driver: string): void =>
  // An empty line takes an earlier one away.
  writeFileSync(join(pathOf(address), "driver_override"), `${driver}\n`);

function unbind(address: string): void {
  if (driverOf(address) !== "") writeFileSync(join(pathOf(address), "driver/unbind"), address);
}

/** Gives a device to vfio-pci. @throws Error where the kernel does not let it */
export async function bindVfio(exec: Exec, address: string): Promise<void> {
  groupOf(address);
  if (driverOf(address) === DRIVER) return;
  if (!existsSync(join(PCI, "drivers", DRIVER))) {
    await exec(["modprobe", DRIVER]).catch((error: Error) => {
      throw missingDriver(DRIVER, error);
    });
  }
  override(address, DRIVER);
  unbind(address);
  writeFileSync(join(PCI, "drivers_probe"), address);
  if (!(await waitUntil(() => driverOf(address) === DRIVER, DRIVER_TIMEOUT))) throw unboundDevice(DRIVER, address);
}

/** True where the machine still has a device. */
export const hasDevice = (address: string): boolean => existsSync(pathOf(address));

/** Gives a device back to the driver that had it, or to none; also one that vfio-pci was to have, and never got. */
export async function releaseVfio(address: string, driver: string): Promise<void> {
  if (driver === DRIVER) return;
  override(address, "");
  if (driverOf(address) === driver) return;
  unbind(address);
  if (driver === "") return;
  writeFileSync(join(PCI, "drivers", driver, "bind"), address);
  await waitUntil(() => driverOf(address) === driver, DRIVER_TIMEOUT);
}

/** The device files that a hypervisor opens a device by. */
export function vfioNodes(address: string): readonly DeviceNode[] {
  const group = groupOf(address);
  const [major, minor] = readFileSync(`/sys/class/vfio/${group}/dev`, "utf8").trim().split(":").map(Number);
  return [CONTAINER, { path: `/dev/vfio/${group}`, major: major ?? 0, minor: minor ?? 0 }];
}
