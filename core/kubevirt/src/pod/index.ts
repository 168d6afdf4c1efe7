export { deviceProblem } from "../devices/device-problem.ts";
export { findMacvtapResource } from "../devices/macvtap-resources.ts";
export { findSriovResource, type SriovResource } from "../devices/sriov-resources.ts";
export {
  allocatedDevices,
  deviceInfoVariable,
  deviceVariable,
  type Environment,
  isPciAddress,
  mergeDeviceVariables,
} from "./allocated-devices.ts";
export { type CniConfigList, type CniPluginConfig, readCniConfig } from "./cni-config.ts";
export { parseNadReference } from "./nads.ts";
export { deviceInfoOf, networkInfoText } from "./network-info.ts";
export {
  linksOf,
  NETWORK_STATUS,
  type NetworkStatus,
  parseNetworkStatus,
  primaryLinkOf,
  statusesOfAttachment,
} from "./network-status.ts";
export {
  type AnnotatedPod,
  annotationsAtCreation,
  annotationsOfMigrationTarget,
  annotationsOfRunningPod,
} from "./pod-annotations.ts";
export { type PodNetworkRequest, podNetworks } from "./pod-networks.ts";
export { memoryOverheadBytes, networkResources } from "./pod-resources.ts";
export { type Pod, renderPod } from "./render-pod.ts";
export { guestResolver, parseResolvConf, podHostname, podResolvConf } from "./resolv-conf.ts";
export { bindingOfSidecar, type SidecarContainer } from "./sidecar-binding.ts";
export { pluginSidecars, sidecarOf } from "./sidecars.ts";
