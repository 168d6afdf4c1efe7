export { derivedName, type NamedBy } from "./derived-name.ts";
export { applyNetwork } from "./apply.ts";
export { observe, type ObserveRequest, readTable } from "./observe.ts";
export { patient } from "./patience.ts";
export { findPlaceholderKind } from "./placeholder.ts";
export {
  endProcesses,
  identify,
  isAlive,
  isRunning,
  type ProcessId,
  processesIn,
  processesLoggingTo,
  processesOfUser,
  signal,
  startTimeOf,
  strayServers,
  straysOfUser,
  waitUntil,
} from "./processes.ts";
export { CommandError, inNetns, run, type Run, type RunOptions } from "./run.ts";
export { FILE_LIMIT, LIBRARY_BINDS, type Sandbox, type SandboxBind, sandboxCommand } from "./sandbox.ts";
export { type ServiceHost, serves, startService } from "./services.ts";
export { startSandboxed, type StartedSandbox, type StartOptions } from "./start-sandboxed.ts";
export { awaitAnswer, awaitOwner, type SightRequest, sightNic } from "./sight.ts";
export type { NicRecord, PodJournal, PodRecord, ProcessRecord } from "./pod-journal.ts";
export { all, PodNetwork, type PodNetworkParts } from "./pod-network.ts";
export { writeAtomically } from "./write-atomically.ts";
export { BusyError, type Lock, takeLock } from "./lock.ts";
export { allRun, findNetworkDrift, findServiceDrift, type NetworkDrift, processesOf, type ServiceDrift } from "./pod-drift.ts";
export { chooseUid, mayShareUid, SERVICE_UIDS, type UidRange, VM_UIDS } from "./allocate-uid.ts";
export { POD_RECORD_FIELDS } from "./pod-record-shape.ts";
export { type Check, isNumber, isObject, isText, listOf, mapOf, optional, shape, wrongField } from "./shape.ts";
export { makeServicesCgroup, removeServicesCgroup, servicesCgroup } from "./pod-cgroup.ts";
