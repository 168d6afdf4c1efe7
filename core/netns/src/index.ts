export { endProcesses, signalHeld, waitUntil } from "./exec/end-processes.ts";
export { CommandError, type Exec, exec, inNetns } from "./exec/exec.ts";
export { explainEnd } from "./exec/explain-end.ts";
export { OVER_FRESH_PROC, withWritableSysctls } from "./exec/fresh-proc.ts";
export { HeldProcess, identify, isAlive, isRunning } from "./exec/held-process.ts";
export { inode } from "./exec/inode.ts";
export { ProcessDirectory, type ProcessId } from "./exec/process-directory.ts";
export { logLevel } from "./exec/log-level.ts";
export { BusyError, GroupError, SettingError } from "./errors.ts";
export { once } from "./exec/once.ts";
export {
  descendantsOf,
  orphansOf,
  type PodTraces,
  processesIn,
  processesLoggingTo,
  processesOfPod,
  processesOfPods,
  processesOfUser,
  usersOfProcesses,
} from "./exec/processes.ts";
export { scaledTimeout } from "./exec/scaled-timeout.ts";
export { selinuxLabelOf } from "./exec/selinux-label.ts";
export { type Lock, type LockWait, takeLock } from "./files/lock.ts";
export {
  filesWith,
  exists,
  installFile,
  isMountPoint,
  makeDirectory,
  makeUserDirectory,
  namesIn,
  openLog,
  readText,
  removeFile,
  removeMounted,
  removeTree,
  removeTrees,
  rename,
  shareFile,
  UserTree,
  writeNew,
  writeText,
} from "./files/root-files.ts";
export { checkTrustedDirectory, UntrustedDirectoryError } from "./files/trusted-directory.ts";
export { writeAtomically } from "./files/write-atomically.ts";
export { applyNetwork } from "./network/apply.ts";
export { derivedName } from "./network/derived-name.ts";
export { observe, observeAll } from "./network/observe.ts";
export { findPlaceholderKind } from "./network/placeholder.ts";
export { all, PodNetwork, serviceLog } from "./network/pod-network.ts";
export type { NicRecord, PodRecord, PodRecordStore } from "./network/pod-record.ts";
export { awaitAnswer, awaitOwner, probeNic } from "./network/probe.ts";
export { bareMountsIn, makeBareMounts, removeBareMounts } from "./sandbox/bare-mounts.ts";
export {
  bornIn,
  canLimit,
  CONTROLLERS,
  handedOn,
  handOn,
  limitsMet,
  makeGroup,
  removeGroup,
} from "./sandbox/control-group.ts";
export { findHierarchy, type GroupHierarchy, groupOf, groupOnMachine } from "./sandbox/group-hierarchy.ts";
export { type Container, containerConfiguration } from "./sandbox/container.ts";
export { FILTER_FD, filterBytes } from "./sandbox/give-filter.ts";
export { type HeldSandbox, holdSandboxed } from "./sandbox/hold-sandboxed.ts";
export {
  explainLimits,
  FILE_LIMIT,
  type GroupLimits,
  limitOptions,
  type Limits,
  scaled,
  SERVICE_GROUP,
  SERVICE_LIMITS,
} from "./sandbox/limits.ts";
export { findSandboxWay, type FoundWay } from "./sandbox/sandbox-way.ts";
export { LIBRARY_BINDS, type Sandbox, sandboxCommand, type SandboxWay } from "./sandbox/sandbox.ts";
export { startContainer } from "./sandbox/start-container.ts";
export { identifySandbox, type StartedSandbox, startSandboxed } from "./sandbox/start-sandboxed.ts";
export { isListening, startService } from "./services/services.ts";
