/**
 * The words that a network binding plugin speaks. A plugin imports this package and nothing else.
 *
 * @packageDocumentation
 */
export { guestNetwork, serverNetwork } from "./assigned-networks.ts";
export type { AttachRequest } from "./attach-request.ts";
export type {
  Attachment,
  DeviceInfo,
  DhcpOptions,
  NicNames,
  NicSpec,
  PodLink,
  NetworkSource,
  Port,
  PrivateDhcpOption,
  ResolvConf,
  Route,
} from "./attachment.ts";
export { defineBinding, describe, exportedBinding } from "./binding.ts";
export type {
  AdmitHook,
  Binding,
  BindingDefinition,
  BindingDescription,
  ContractVersion,
  Hook,
  Migration,
  NeedsHook,
  PlanHook,
} from "./binding-definition.ts";
export { authorsPart, locationOf } from "./author-location.ts";
export { checkReturned } from "./checked-hooks.ts";
export { type Defined, defined } from "./defined.ts";
export { BINDING_FAULT, BindingError, type ErrorCode, ERROR_CODES, stackOfThrown, textOfThrown } from "./errors.ts";
export { adoptedLinks, adoptedSysctls, reachableAddresses } from "./adopted.ts";
export {
  addressOf,
  cidrHost,
  type Cidr,
  formatAddress,
  type IpFamily,
  isMacAddress,
  normalizeMac,
  parseAddress,
  parseCidr,
  RESERVED_BRIDGE_MAC,
} from "./net.ts";
export type { ComputeNeeds, Needs, PodNeeds, SidecarNeeds } from "./needs.ts";
export type {
  AdoptedLink,
  BridgeLink,
  Dhcp4Service,
  Dhcp6Service,
  DomainPlan,
  LinkPlan,
  NetworkPlan,
  NftBase,
  NftChain,
  NftMatch,
  NftPort,
  NftRule,
  NftVerdict,
  PasstForward,
  PasstPorts,
  PlaceholderLink,
  Plan,
  PlannedAddress,
  RouterAdvertisementService,
  ServicePlan,
  Sysctl,
  TapLink,
} from "./plan.ts";
export { type Violation, violation } from "./violation.ts";
