export { BindingRegistry } from "./binding-registry.ts";
export { AgentState } from "./agent-record-file.ts";
export { findLauncherPods, LAUNCHER_UID } from "./launcher-pods.ts";
export { NodeAgent } from "./node-agent.ts";
export { findPodProcess, mountSource, type PodTraits } from "./pod-process.ts";
export type { PodEvent } from "./event-recorder.ts";
