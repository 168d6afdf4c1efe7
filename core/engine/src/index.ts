export {
  type AttachedNic,
  attachmentOf,
  attachNic,
  attachVmi,
  type Host,
  type HostNetwork,
  nicInPod,
  type NicNetwork,
  type PodDevices,
  type PodContext,
  desiredNetwork,
} from "./attach.ts";
export { admitPluginNics, admitPod, decidePod, pluginNics, registrationConflicts } from "./decide-pod.ts";
export {
  type AskedBinding,
  type NicsDecision,
  type DecidedNic,
  decideVmi,
  type Decision,
  type PodDecision,
} from "./decide.ts";
export {
  type MigrationInputs,
  migrationProblems,
  refreshedNics,
  type RunningVm,
  targetDecision,
} from "./migration-target.ts";
export { countOperations, diffNetwork, type Operations, formatOperations } from "./network/diff.ts";
export { forLauncherGroup } from "./network/launcher-group.ts";
export type { NftJson } from "./network/nft-json.ts";
export { type NftTable, nicTable, normalizeListing, formatTable, tableFamilies } from "./network/nft.ts";
export { type ObservedLink, type ObservedNetwork, podLinkOf } from "./network/observed.ts";
export { teardownNetwork } from "./network/teardown-network.ts";
export { muteLinks, unmuteLinks } from "./network/mute-links.ts";
export type { DesiredNetwork, PlaceholderKind, TapOwner } from "./network/desired-network.ts";
export {
  awaitedGuestAddresses,
  type NicProbe,
  type NicStatus,
  nicStatus,
  plannedGuestAddresses,
} from "./nic-status.ts";
export { admitNics } from "./plan/admit-nics.ts";
export { allAnswers, askBinding } from "./plan/ask-binding.ts";
export type { PlannedNic } from "./plan/authorize-networks.ts";
export { authorize, findPlanProblems } from "./plan/authorize.ts";
export { type ComputeContainer, ungrantedNeeds } from "./plan/check-needs.ts";
export { checkedPlanner, plannerFor } from "./plan/checked-planner.ts";
export {
  checkGrants,
  type ClusterGrants,
  clusterGrants,
  type Grants,
  type GrantsByBinding,
  grantsOf,
  STANDARD_GRANTS,
  withGrants,
} from "./plan/grants.ts";
export { mergeNeeds } from "./plan/merge-needs.ts";
export { type NeedingNic, needsOfNics, type NicSupplier } from "./plan/needs-of-nics.ts";
export { type JsonProblem, parseJson } from "./plan/parse-json.ts";
export { isAdopted } from "./plan/planned-links.ts";
export { type NicPlanner, plannerOf, planNic } from "./plan/plan-nic.ts";
export { GrantsError, readGrants } from "./plan/read-grants.ts";
export { managedTapPlan, registeredPlanner } from "./plan/registered-plan.ts";
export { type NicPreview, type PreviewContext, previewVm, type VmPreview } from "./preview/preview-vm.ts";
export { dnsmasqConfig } from "./services/dnsmasq.ts";
export { dnsmasq6Config } from "./services/dnsmasq6.ts";
export { type ServiceProcess, serviceProcesses, serviceWarnings } from "./services/service-processes.ts";
