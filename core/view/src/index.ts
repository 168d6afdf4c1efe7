export { ageOf } from "./age.ts";
export {
  type Explained,
  type ExplainedError,
  type ExplainedPlugin,
  formatExplainable,
  formatExplained,
} from "./format-explained.ts";
export { clusterTable, type ClusterNic, type ClusterVm } from "./format-cluster.ts";
export {
  type ClusterBinding,
  type ClusterFinding,
  clusterFindingLines,
  type ClusterNode,
  type ClusterObject,
  type ClusterOverview,
  findingsSummary,
  formatOverview,
  formatSteps,
  type VmStep,
} from "./format-doctor.ts";
export {
  type FindingFormat,
  type FindingsSummary,
  findingsLines,
  formatFindings,
  formatViolation,
  outcomeOf,
  type ShownFinding,
  type ShownViolation,
  violationLines,
} from "./format-finding.ts";
export { formatPlan } from "./format-plan.ts";
export { type PlannedVm, summarizePlan } from "./summarize-plan.ts";
export {
  formatHealth,
  formatVm,
  type Health,
  missingAddresses,
  nicTable,
  type Screen,
  type ShownVm,
  vmTable,
} from "./format-vm.ts";
export { githubAnnotations } from "./reports/github.ts";
export { junitXml } from "./reports/junit.ts";
export { type CheckedVm, type Report, withoutExcerpt } from "./reports/report.ts";
export { sarifLog } from "./reports/sarif.ts";
export { plain, type Span, type Style, styled, type StyledLine, unstyled, wrapLine } from "./styled-text.ts";
