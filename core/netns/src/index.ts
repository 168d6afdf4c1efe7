export { applyNetwork } from "./apply.ts";
export { observe, type ObserveRequest, readTable } from "./observe.ts";
export { findPlaceholderKind } from "./placeholder.ts";
export { endProcesses, identify, isAlive, isRunning, type ProcessId, processesIn, signal, startTimeOf, waitUntil } from "./processes.ts";
export { CommandError, inNetns, run, type Run, type RunOptions } from "./run.ts";
export { FILE_LIMIT, LIBRARY_BINDS, type Sandbox, type SandboxBind, sandboxCommand } from "./sandbox.ts";
export { type ServiceHost, serves, startService } from "./services.ts";
export { startSandboxed, type StartedSandbox, type StartOptions } from "./start-sandboxed.ts";
export { awaitAnswer, awaitOwner, type SightRequest, sightNic } from "./sight.ts";
