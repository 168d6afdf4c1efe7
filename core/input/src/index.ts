export { withAdministrators } from "./administrators.ts";
export {
  type BindingChange,
  type BindingWarning,
  type ConvertedText,
  convertRemovedBindings,
} from "./convert-removed-bindings.ts";
export {
  type InputDocument,
  type InputViolation,
  joinResults,
  type ObjectName,
  parseText,
  type ReadResult,
  refusedFile,
} from "./documents.ts";
export type { InputVm } from "./input-vm.ts";
export type { InputFinding } from "./input-finding.ts";
export { type Input, inputOf, type Needed } from "./input.ts";
export { IGNORE_ANNOTATION } from "./ignore-annotation.ts";
export { ignoredIn, markIgnored, ruleIds, whyNotIgnored } from "./ignored-rules.ts";
export { findNotChecked, findUnknown } from "./not-checked.ts";
export { chooseVersion, type ChosenVersion } from "./observed-version.ts";
export { surroundingsOf } from "./surroundings.ts";
export { completedVmi, duplicateFinding, inOrder, validateInput, type ValidationOptions } from "./validate-input.ts";
