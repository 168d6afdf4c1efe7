export { admitVmi, findMistakes } from "./follow-ups.ts";
export {
  type CodedViolation,
  type Finding,
  isFatal,
  validateVmi,
  type ValidationContext,
} from "./validate-vmi.ts";
export { checkDataObject, checkObjectName } from "./data-object.ts";
export { defaultVmi } from "./default-vmi.ts";
export type { ExplainedField } from "./explained-field.ts";
export { CHECKS, type CheckId, foundBy, IGNORE_CHECK } from "./checks.ts";
export { ALL_CHECKS, ALL_RULES, explain, type ExplainedBinding, FIELDS } from "./explain.ts";
export { validateClone, validateMigration, validateNad, validateOwnSize } from "./validate-objects.ts";
export { applyNamed, type Instancetype, isUnbound, type NamedByVm, type Preference } from "./preferences.ts";
export { validateCluster } from "./validate-cluster.ts";
export { RULES } from "./rules/index.ts";
export type { DescribedBindings, RuleText } from "./rules/rule.ts";
export { parseIpv4Sloppy, sanitizeSpec, sanitizeVmi } from "./sanitize.ts";
export { checkHyperConverged, hyperConvergedConfiguration, placeInHyperConverged } from "./hyperconverged.ts";
export {
  checkClone,
  checkInstancetype,
  checkKubevirt,
  checkMetadata,
  checkMigration,
  checkNad,
  checkPreference,
  checkTemplateMetadata,
  checkVmiSpec,
  checkReplicas,
  checkVmSpec,
  isVmiStatus,
  kubevirtConfiguration,
} from "./schema.ts";
export { limitRepeated } from "../values/limit-repeated.ts";
export {
  type GuestSetup,
  macOwnersOf,
  type Service,
  type ServicePort,
  type Sources,
  type Surroundings,
} from "./surroundings.ts";
export {
  OTHER_METHODS,
  REMOVED_BINDINGS,
  type RemovedBinding,
  removedBindingsIn,
  translateRemovedBindings,
} from "./translate-removed-bindings.ts";
export type { FieldKind } from "./known-fields.ts";
export { findUnknownFields } from "./unknown-fields.ts";
