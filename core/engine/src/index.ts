export { isPrintable, terminalJson, terminalLine, terminalText } from "./facts/terminal-text.ts";
export type * from "./api.ts";
export { countOperations, diffNetwork, type Operations, showOperations } from "./network/diff.ts";
export type { PlaceholderKind, TapOwner, WantedNetwork } from "./network/wanted-network.ts";
export { forLauncherGroup } from "./network/launcher-group.ts";
export type { NftJson } from "./network/nft-json.ts";
export { type NftTable, nicTable, normaliseListing, replaceTable, showTable, tableFamilies } from "./network/nft.ts";
export { endSilence, silenceLinks } from "./network/silence.ts";
export { retractNetwork } from "./network/retract-network.ts";
export type { Fence } from "./network/fence.ts";
export { type ObservedLink, type ObservedNetwork, podLinkOf } from "./network/observed.ts";
export {
  type AttachedNic,
  attachmentOf,
  attachNic,
  attachVmi,
  nicInPod,
  type Host,
  type NicNetwork,
  type PodDevices,
  type PodFacts,
  wantedNetwork,
} from "./attach.ts";
export { authorize, findPlanProblems, type PlanBounds } from "./plan/authorize.ts";
export type { PlannedNic } from "./plan/authorize-networks.ts";
export { type ServiceProcess, serviceProcesses, serviceWarnings } from "./services/service-processes.ts";
export { checkGrants, type Grants, type GrantsByBinding, grantsOf, STANDARD_GRANTS } from "./plan/grants.ts";
export { GrantsError, readGrants } from "./plan/read-grants.ts";
export type { ComputeContainer } from "./plan/check-needs.ts";
export { allAnswers } from "./plan/ask-binding.ts";
export { type NicPlanner, planNic, plannerOf } from "./plan/plan-nic.ts";
export { fittingPlanner, plannerFor } from "./plan/fitting-planner.ts";
export { type JsonProblem, parseJson } from "./plan/parse-json.ts";
export { type NeedingNic, needsOfNics, type NicSupplier, type SuppliedNic } from "./plan/needs-of-nics.ts";
export { type AdmittedNic, admitNics, type NicAdmitter } from "./admission/admit-nics.ts";
export { type Conflict, migrationConflict, ownerConflict } from "./pod/registration-conflicts.ts";
export { admitVmi, isFatal, type Judgement, type Jurisdiction, judgeVmi } from "./admission/admit.ts";
export { checkDataObject, checkObjectName } from "./admission/data-object.ts";
export { ALL_RULES, BINDINGS, type ExplainedBinding, type Explanation, explain, FIELDS } from "./admission/explain.ts";
export type { ExplainedField } from "./admission/explain-fields.ts";
export { judgeClone, judgeMigration } from "./admission/judge-objects.ts";
export { RULES } from "./admission/rules/index.ts";
export type { Consequence, DescribedBindings, Judge, Reason, Rule, RuleText } from "./admission/rules/rule.ts";
export { OLD_KEYS, type OldKey, translateOldKeys } from "./admission/old-keys.ts";
export { parseIpv4Sloppy, sanitiseSpec, sanitiseVmi } from "./admission/sanitise.ts";
export { GATES, type GateName, isGateOn, type KubevirtMinor, NEWEST_KUBEVIRT, parseVersion, showVersion } from "./facts/versions.ts";
export {
  type AskedBinding,
  type Attachable,
  type DecidedNic,
  type Decision,
  type DecideInput,
  type DecideResult,
  decideVmi,
  type PodDecision,
} from "./decide.ts";
export {
  admitPluginNics,
  admitPod,
  type DecidePodInput,
  decidePod,
  type PodAdmission,
  pluginNics,
  registrationConflicts,
  type RegisteredNicBinding,
  type ServingBinding,
} from "./decide-pod.ts";
export { type Defaulted, defaultVmi } from "./admission/default-vmi.ts";
export { nicMac } from "./facts/mac.ts";
export {
  derivedNames,
  hashedLinkNames,
  isOrdinalName,
  isPrimary,
  isSecondary,
  linkNamesOfPod,
  nicNames,
  ordinalLinkNames,
  PRIMARY_LINK,
  podLinkName,
} from "./facts/names.ts";
export { LIBVIRT_DIRECTORIES, libvirtVersionOf } from "./facts/libvirt-version.ts";
export { bindingName, nicSpec } from "./facts/nic-spec.ts";
export { parseQuantity } from "./facts/quantity.ts";
export { nicQueues, tapQueues } from "./facts/queues.ts";
export { type CniConfigList, type CniPluginConfig, readCniConfig } from "./pod/cni-config.ts";
export { type PodNetworkRequest, podNetworks } from "./pod/pod-networks.ts";
export { tapOf } from "./plan/tap-of.ts";
export { managedTapPlan, registeredPlanner } from "./plan/registered-plan.ts";
export { dnsmasq6Config } from "./services/dnsmasq6.ts";
export { mergeNeeds } from "./pod/merge-needs.ts";
export type { PodContainer, RenderInput } from "./pod/pod-containers.ts";
export { type Pod, renderPod } from "./pod/render-pod.ts";
export {
  type FallbackImage,
  type ImageFallback,
  isDataOnly,
  isWrittenOnTap,
  type ResolvedBinding,
  resolveBinding,
} from "./pod/resolve-binding.ts";
export { guestResolver, parseResolvConf, podHostname, podResolvConf } from "./facts/resolv-conf.ts";
export {
  checkClone,
  checkKubevirt,
  checkMetadata,
  checkMigration,
  checkNad,
  checkTemplateMetadata,
  checkVmiSpec,
  isVmiStatus,
  kubevirtConfiguration,
} from "./admission/schema.ts";
export { type DomainLink, domainAttachments, nicBeforePod, nicOnTap } from "./domain/convert.ts";
export { COMMON_MACHINE, type Machine, type NicDomain, nicDomain, plannedDevice, tapDomain, tapInterface } from "./domain/device.ts";
export { patchDomain, patchDomains, type PlannedDevice, writeTapInterface } from "./domain/patch.ts";
export { printElement } from "./domain/print.ts";
export { migrationRequired, type Migratable, type MigrationRequired, networkMigratable } from "./running/migration.ts";
export {
  type MigrationFacts,
  migrationProblems,
  refreshedNics,
  type RunningVm,
  targetDecision,
} from "./running/migration-target.ts";
export { findNicMisfits } from "./domain/nic-misfits.ts";
export { type NadReference, cniTypes, parseNadReference } from "./facts/nads.ts";
export { type AnnotatedPod, annotationsAtCreation, annotationsOfMigrationTarget, annotationsOfRunningPod } from "./pod/pod-annotations.ts";
export { memoryOverheadBytes, networkResources } from "./pod/pod-resources.ts";
export { restartRequired } from "./running/restart-required.ts";
export { pluginSidecars, type Sidecar } from "./pod/sidecars.ts";
export { interfacesFromPod } from "./running/vmi-status.ts";
export {
  linksOf,
  NETWORK_STATUS,
  type NetworkStatus,
  parseNetworkStatus,
  primaryLinkOf,
  statusesOfAttachment,
} from "./facts/network-status.ts";
export { isServedByPasst, passtSockets, type PortRange } from "./domain/passt-sockets.ts";
export { type DomainNic, domainNics, withoutNic } from "./domain/nics.ts";
export { scanXml } from "./domain/scan.ts";
export type { XmlNode } from "./domain/xml-node.ts";
export {
  type NicSighting,
  type NicStatus,
  awaitedGuestAddresses,
  nicStatus,
  plannedGuestAddresses,
  isHandedOver,
} from "./running/nic-status.ts";
export { dnsmasqConfig } from "./services/dnsmasq.ts";
export type { VmiInterface, VmiNetwork } from "./api.ts";
export { hasOrdinalNames, isHotPluggable, linksToRefresh, liveUpdate, type NicLists, withoutAbsent } from "./running/live-update.ts";
export { type AgentNic, type DomainNicFacts, interfacesOfRunning, type RunningFacts } from "./running/vmi-status-merge.ts";
export { type TaggedDevice, taggedDevices } from "./domain/device-tags.ts";
export { sriovDevices } from "./domain/hostdevs.ts";
export {
  allocatedDevices,
  deviceInfoVariable,
  deviceVariable,
  type Environment,
  isPciAddress,
  mergeDeviceVariables,
} from "./facts/allocated-devices.ts";
export { networkInfoText } from "./facts/network-info.ts";
