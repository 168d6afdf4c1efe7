export { BindingRegistry } from "./binding/binding-registry.ts";
export type { PodEvent } from "./event-recorder.ts";
export { findLauncherPods, LAUNCHER_UID } from "./launcher-pods.ts";
export { NodeAgent } from "./node-agent.ts";
export { AgentState } from "./pod/agent-record.ts";
export { findPodProcess, mountSource, type PodTraits } from "./pod/pod-process.ts";
