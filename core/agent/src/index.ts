export { Bindings } from "./bindings.ts";
export { AgentState } from "./journal.ts";
export { findLauncherPods, LAUNCHER_UID } from "./launcher-pods.ts";
export { NodeAgent } from "./node-agent.ts";
export { findPodProcess, mountSource, type PodTraits } from "./pod-process.ts";
export type { PodReport } from "./report.ts";
