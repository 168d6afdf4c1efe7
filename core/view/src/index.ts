export { type Explained, type ExplainedPlugin, formatExplainable, formatExplained } from "./format-explained.ts";
export {
  formatFinding,
  formatFindings,
  formatViolation,
  type ShownFinding,
  type ShownViolation,
} from "./format-finding.ts";
export { formatPlan } from "./format-plan.ts";
export { formatHealth, formatVm, type Health, interfaceTable, nicTable, type ShownVm, vmTable } from "./format-vm.ts";
export { table } from "./table.ts";
