export { type AgentNic, interfacesOfRunning, type RunningFacts } from "./vmi-status-merge.ts";
export { interfacesFromPod } from "./vmi-status.ts";
