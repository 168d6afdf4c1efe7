export { attachNicToVm, type ChangeContext, detachNicFromVm, NicChangeError, setNicLink } from "./hotplug/change-nics.ts";
export { type Drift, findDrift, showDrift } from "./drift.ts";
export { type RepairContext, type Repaired, repairVm } from "./repair.ts";
export { checkNetworks } from "./networks/check-networks.ts";
export { CniError } from "./networks/cni.ts";
export type { AllocatedDevice, AllocateRequest, DeviceNode, DeviceSettings, HostCall, HostPlugin } from "./networks/host-plugin.ts";
export { JournalError, type VmRecord } from "./journal.ts";
export { buildBaseDomain, domainName } from "./launcher/base-domain.ts";
export { guestCommand } from "./launcher/console.ts";
export { ensureImage, type Image, type Progress } from "./launcher/image.ts";
export { LibvirtError } from "./launcher/libvirt.ts";
export { type ReferencedData, VolumeError } from "./launcher/volumes.ts";
export { BusyError, takeLock } from "./lock.ts";
export { DEFAULT_POD_NETWORK, makeNetns, netnsPath, removeNetns } from "./node-netns.ts";
export type { SidecarRuntime } from "./sidecars.ts";
export { type Machine, type StartedVm, type StartRequest, startVm, VmExistsError, waitForEnd } from "./start-vm.ts";
export { State, stateDirectories, vmId } from "./state.ts";
export {
  collectGarbage,
  damagedVms,
  consoleSocket,
  findVm,
  listVms,
  parseVmName,
  seeNics,
  stopVm,
  VmNotFoundError,
  type VmStatus,
  vmStatus,
} from "./vms.ts";
