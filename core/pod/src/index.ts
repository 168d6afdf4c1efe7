export {
  allRun,
  findNetworkDrift,
  findServiceDrift,
  type NetworkDrift,
  processesOf,
  type ServiceDrift,
} from "./drift/pod-drift.ts";
export { findGroupBase } from "./groups/group-base.ts";
export { type PodMembership, podMembership, servicesCgroup } from "./groups/pod-cgroup.ts";
export { unchangedCloudInit } from "./hooks/hook-cloud-init.ts";
export { type ExpectedSidecar, expectedSidecars } from "./hooks/hook-domain.ts";
export {
  defineBootDomain,
  type HookDeadlines,
  HookManager,
  shutDownSidecars,
  sidecarAnswers,
} from "./hooks/hook-manager.ts";
export type { HookLocation } from "./hooks/hook-sockets.ts";
export { LAUNCHER_FAULTS, LauncherPanicError, shuffled } from "./hooks/launcher-faults.ts";
export { DamagedRecordError } from "./errors.ts";
export { type HostPodRecord, plannedNics } from "./record/host-pod-record.ts";
export { POD_RECORD_FIELDS } from "./record/pod-record-checks.ts";
export { PodRecordFile, type RecordFields } from "./record/pod-record-file.ts";
export { attachPodSidecar } from "./sidecar/attach-pod-sidecar.ts";
export { chooseUid, isServiceUid, mayShareUid, SERVICE_UIDS, type UidRange, VM_UIDS } from "./users/allocate-uid.ts";
export { knownUsers } from "./users/known-users.ts";
