export { type AgentNic, interfacesOfRunning, type RunningInputs } from "./vmi-status-merge.ts";
export { interfacesFromPod } from "./vmi-status.ts";
