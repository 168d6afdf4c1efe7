export { admitVmi, isFatal, type Judgement, judgeVmi } from "./admit.ts";
export { checkDataObject, checkObjectName } from "./data-object.ts";
export { defaultVmi } from "./default-vmi.ts";
export type { ExplainedField } from "./explain-fields.ts";
export { ALL_RULES, BINDINGS, explain, type ExplainedBinding, FIELDS } from "./explain.ts";
export { judgeClone, judgeMigration } from "./judge-objects.ts";
export { RULES } from "./rules/index.ts";
export { type DescribedBindings, INTERFACES, NETWORKS, type RuleText } from "./rules/rule.ts";
export { parseIpv4Sloppy, sanitiseSpec, sanitiseVmi } from "./sanitize.ts";
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
} from "./schema.ts";
export { OLD_KEYS, translateOldKeys } from "./translate-removed-bindings.ts";
