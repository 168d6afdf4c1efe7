export {
  type AttachedNic,
  attachmentOf,
  attachNic,
  attachVmi,
  type Host,
  nicInPod,
  type NicNetwork,
  type PodDevices,
  type PodFacts,
  wantedNetwork,
} from "./attach.ts";
export { admitPluginNics, admitPod, decidePod, pluginNics, registrationConflicts } from "./decide-pod.ts";
export { type AskedBinding, type Attachable, type DecidedNic, decideVmi, type Decision, type PodDecision } from "./decide.ts";
export { type MigrationFacts, migrationProblems, refreshedNics, type RunningVm, targetDecision } from "./migration-target.ts";
export { countOperations, diffNetwork, type Operations, showOperations } from "./network/diff.ts";
export { forLauncherGroup } from "./network/launcher-group.ts";
export type { NftJson } from "./network/nft-json.ts";
export { type NftTable, nicTable, normaliseListing, showTable, tableFamilies } from "./network/nft.ts";
export { type ObservedLink, type ObservedNetwork, podLinkOf } from "./network/observed.ts";
export { retractNetwork } from "./network/retract-network.ts";
export { endSilence, silenceLinks } from "./network/silence.ts";
export type { PlaceholderKind, TapOwner, WantedNetwork } from "./network/wanted-network.ts";
export { awaitedGuestAddresses, isHandedOver, type NicSighting, type NicStatus, nicStatus, plannedGuestAddresses } from "./nic-status.ts";
export { admitNics } from "./plan/admit-nics.ts";
export { allAnswers, askBinding } from "./plan/ask-binding.ts";
export type { PlannedNic } from "./plan/authorize-networks.ts";
export { authorize, findPlanProblems } from "./plan/authorize.ts";
export type { ComputeContainer } from "./plan/check-needs.ts";
export { fittingPlanner, plannerFor } from "./plan/fitting-planner.ts";
export { checkGrants, type Grants, type GrantsByBinding, grantsOf, STANDARD_GRANTS } from "./plan/grants.ts";
export { mergeNeeds } from "./plan/merge-needs.ts";
export { needsOfNics } from "./plan/needs-of-nics.ts";
export { type JsonProblem, parseJson } from "./plan/parse-json.ts";
export { type NicPlanner, plannerOf, planNic } from "./plan/plan-nic.ts";
export { GrantsError, readGrants } from "./plan/read-grants.ts";
export { managedTapPlan, registeredPlanner } from "./plan/registered-plan.ts";
export { dnsmasqConfig } from "./services/dnsmasq.ts";
export { dnsmasq6Config } from "./services/dnsmasq6.ts";
export { type ServiceProcess, serviceProcesses, serviceWarnings } from "./services/service-processes.ts";
export { isPrintable, terminalJson, terminalLine, terminalText } from "./terminal-text.ts";
