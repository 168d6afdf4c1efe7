export { attachNicToVm, type ChangeContext, detachNicFromVm, NicChangeError, setNicLink } from "./hotplug/change-nics.ts";
export { consoleSocket } from "./console-location.ts";
export { type Drift, findDrift, formatDrift } from "./drift.ts";
export { type RepairContext, type Repaired, repairVm } from "./repair.ts";
export { checkNetworks } from "./networks/check-networks.ts";
export { CniError } from "./networks/cni.ts";
export type {
  AllocatedDevice,
  AllocateRequest,
  CniCall,
  DeviceNode,
  EmulatedCniPlugin,
} from "./networks/emulated-plugin.ts";
export { DamagedRecordError, type LocalPodRecord } from "./pod-record-file.ts";
export { type ExpectedSidecar, expectedSidecars } from "./hook-domain.ts";
export { defineBootDomain, type HookDeadlines, HookManager } from "./hook-manager.ts";
export { LAUNCHER_FAULTS, LauncherPanicError, shuffled } from "./launcher-faults.ts";
export { buildBaseDomain, domainName } from "./launcher/base-domain.ts";
export { type DebianArchive, debianArchive } from "./launcher/debian-archive.ts";
export { guestCommand } from "./launcher/console.ts";
export { ensureImage, type Image, type Progress } from "./launcher/image.ts";
export { LibvirtError } from "./launcher/launcher.ts";
export { VolumeError } from "./launcher/volumes.ts";
export { BusyError, takeLock } from "./lock.ts";
export { machineWarnings } from "./machine-warnings.ts";
export { DEFAULT_POD_NETWORK, makeNetns, netnsPath, removeNetns } from "./node-netns.ts";
export type { RuntimeStart, SidecarRuntime } from "./sidecars.ts";
export { type StartContext, type StartedVm, type StartRequest, startVm, VmExistsError, waitForEnd } from "./start-vm.ts";
export { State, stateDirectories, vmId } from "./state.ts";
export { damagedVms, findVm, listVms, parseVmName, VmNotFoundError } from "./pods.ts";
export { type MigratedVm, type MigrationContext, MigrationRefusedError, migrateVm } from "./migrate-vm.ts";
export { forEachVm, type VmFailure, type VmOutcomes } from "./each-vm.ts";
export { type Collected, collectGarbage, findCrash, probeNics, stopVm, type VmStatus, vmStatus } from "./vms.ts";
export { checkHostDisks, type HostDiskPolicy } from "./launcher/host-disks.ts";
export { type AskedPlugin, connectPlugin, connectSidecarPlugin, startPlugin } from "./ask-plugin.ts";
