export type * from "./api.ts";
export {
  countOperations,
  diffNetwork,
  type Operations,
  type PlaceholderKind,
  showOperations,
  type TapOwner,
  type WantedNetwork,
} from "./diff.ts";
export { type NftJson, type NftTable, nicTable, normaliseListing, replaceTable, showTable } from "./nft.ts";
export { type ObservedLink, type ObservedNetwork, podLinkOf } from "./observed.ts";
export { type AttachedNic, attachmentOf, attachVmi, type Host, type NicNetwork, type PodFacts, wantedNetwork } from "./attach.ts";
export { authorize, findPlanProblems } from "./authorize.ts";
export { type ServiceProcess, serviceProcesses } from "./service-processes.ts";
export { type Grants, STANDARD_GRANTS } from "./grants.ts";
export { type NicPlanner, planNic, plannerOf } from "./plan-nic.ts";
export { admitVmi, isFatal, type Judgement, type Jurisdiction, judgeVmi } from "./admit.ts";
export { BINDINGS, type ExplainedBinding, type ExplainedField, type Explanation, explain, FIELDS } from "./explain.ts";
export { RULES } from "./rules/index.ts";
export type { Consequence, Judge, Reason, Rule } from "./rules/rule.ts";
export { OLD_KEYS, type OldKey, translateOldKeys } from "./old-keys.ts";
export { sanitiseVmi } from "./sanitise.ts";
export { GATES, type GateName, isGateOn, type KubevirtMinor, NEWEST_KUBEVIRT, parseVersion, showVersion } from "./versions.ts";
export { type DecidedNic, type Decision, type DecideInput, type DecideResult, decideVmi } from "./decide.ts";
export { type Defaulted, defaultVmi } from "./default-vmi.ts";
export { nicMac } from "./mac.ts";
export {
  derivedNames,
  hashedLinkNames,
  isOrdinalName,
  isPrimary,
  isSecondary,
  linkNamesOfPod,
  nicNames,
  ordinalLinkNames,
  podLinkName,
} from "./names.ts";
export { bindingName, nicSpec } from "./nic-spec.ts";
export { parseQuantity } from "./quantity.ts";
export { nicQueues, tapQueues } from "./queues.ts";
export { managedTapPlan } from "./registered-plan.ts";
export { dnsmasq6Config } from "./dnsmasq6.ts";
export { mergeNeeds } from "./merge-needs.ts";
export type { PodContainer, RenderInput } from "./pod-containers.ts";
export { type Pod, renderPod } from "./render-pod.ts";
export { type FallbackImage, type ImageFallback, type ResolvedBinding, resolveBinding } from "./resolve-binding.ts";
export { guestResolver, parseResolvConf, podHostname, podResolvConf } from "./resolv-conf.ts";
export { checkKubevirt, checkMetadata, checkNad, checkVmiSpec } from "./schema.ts";
export { type DomainLink, domainAttachments, nicBeforePod, nicOnTap } from "./domain/convert.ts";
export { COMMON_MACHINE, type Machine, type NicDomain, nicDomain, plannedDevice, tapInterface } from "./domain/device.ts";
export { patchDomain, writeTapInterface } from "./domain/patch.ts";
export { printElement } from "./domain/print.ts";
export { migrationRequired, type Migratable, type MigrationRequired, networkMigratable } from "./migration.ts";
export { type NadReference, cniTypes, parseNadReference } from "./nads.ts";
export { type AnnotatedPod, annotationsAtCreation, annotationsOfMigrationTarget, annotationsOfRunningPod } from "./pod-annotations.ts";
export { memoryOverheadBytes, networkResources } from "./pod-resources.ts";
export { restartRequired } from "./restart-required.ts";
export { pluginSidecars, type Sidecar } from "./sidecars.ts";
export { interfacesFromPod } from "./vmi-status.ts";
export { linksOf, NETWORK_STATUS, parseNetworkStatus } from "./network-status.ts";
export { type DomainNic, domainNics } from "./domain/nics.ts";
export { scanXml, type XmlNode } from "./domain/scan.ts";
export { type NicSighting, type NicStatus, nicStatus, plannedGuestAddresses } from "./nic-status.ts";
export { dnsmasqConfig } from "./dnsmasq.ts";
export type { VmiInterface, VmiNetwork } from "./api.ts";
export { hasOrdinalNames, isHotPluggable, linksToRefresh, liveUpdate, type NicLists, withoutAbsent } from "./live-update.ts";
export { type AgentNic, type DomainNicFacts, interfacesOfRunning, type RunningFacts } from "./vmi-status-merge.ts";
