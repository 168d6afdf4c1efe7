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
  parseText,
  type ReadResult,
  refusedFile,
} from "./documents.ts";
export type { InputVm } from "./input-vm.ts";
export { type Input, inputOf, type Needed } from "./input.ts";
export { surroundingsOf } from "./surroundings.ts";
export { completedVmi, inOrder, type InputFinding, validateInput, type ValidationOptions } from "./validate-input.ts";
