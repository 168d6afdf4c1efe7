export type {
  BindingRegistration,
  CloudInitSource,
  KubevirtConfiguration,
  NetworkAttachmentDefinition,
  ObjectMeta,
  ResourceClaim,
  Vm,
  Vmi,
  VmiClone,
  VmiDisk,
  VmiInterface,
  VmiMigration,
  VmiNetwork,
  VmiSpec,
  VmiStatus,
  VmiStatusInterface,
  VmiVolume,
} from "./api.ts";
export { domainAttachments, type DomainLink, nicBeforePod, nicOnTap } from "./converter/convert.ts";
export { taggedDevices } from "./converter/device-tags.ts";
export { sriovDevices } from "./converter/hostdevs.ts";
export type { DeviceSettings, ReferencedData } from "./referenced-data.ts";
export { migrationRequired, networkMigratable } from "./migration/migration.ts";
export { hasOwnMac, nicMac } from "./nic/mac.ts";
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
  podLinkOfStatus,
  PRIMARY_LINK,
} from "./nic/names.ts";
export { bindingName, nicSpec } from "./nic/nic-spec.ts";
export { nicQueues, tapQueues } from "./nic/queues.ts";
export {
  attachmentConflict,
  type Conflict,
  memoryConflict,
  migrationConflict,
  ownerConflict,
} from "./registration/registration-conflicts.ts";
export {
  type FallbackImage,
  type ImageFallback,
  isDataOnly,
  isWrittenOnTap,
  resolveBinding,
  type ResolvedBinding,
} from "./registration/resolve-binding.ts";
export { hasOrdinalNames, isHotPluggable, linksToRefresh, liveUpdate, withoutAbsent } from "./update/live-update.ts";
export { restartRequired } from "./update/restart-required.ts";
export { isDomainName } from "./values/domain-name.ts";
export type { PatchOperation } from "./values/json-patch.ts";
export { isLabel } from "./values/object-name.ts";
export { parseQuantity } from "./values/quantity.ts";
export { sameValue } from "./values/same-value.ts";
export {
  formatVersion,
  GATES,
  isGateOn,
  isNewerVersion,
  type KubevirtMinor,
  nearestVersion,
  NEWEST_KUBEVIRT,
  parseVersion,
} from "./versions.ts";
export {
  DEFAULT_NAMESPACE,
  interfaceOf,
  INTERFACES_PATH,
  interfacesOf,
  networkOf,
  NETWORKS_PATH,
  networksOf,
  registrationOf,
  registrationsOf,
  withInterfaces,
} from "./vmi.ts";
