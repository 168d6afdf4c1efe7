import { defined } from "@netbind/contract";
import {
  findNotChecked,
  type Input,
  type InputFinding,
  inputOf,
  joinResults,
  markIgnored,
  validateInput,
  type ValidationOptions,
} from "@netbind/input";
import { interfacesOf } from "@netbind/kubevirt";
import { type CheckedVm, findingsLines, withoutExcerpt } from "@netbind/view";
import { askedVersion, versionData } from "./asked-version.ts";
import { checkIgnoredRules } from "./check-ignored-rules.ts";
import { printReport, type ReportContent } from "./print-report.ts";
import type { PluginSources } from "../plugins/plugin-sources.ts";
import { type ReportFormat, findingFormat, printData, printMessage, printStyled } from "../output.ts";
import type { ClusterOptions } from "../commands/cluster-options.ts";
import { type InputFiles, readInput } from "../input/read-input.ts";
import { EXIT } from "../exit-codes.ts";
import { failureJson, printError } from "../failure.ts";
import { type BindingFailure, PluginsFailedError } from "../errors.ts";
import type { Validated } from "./validate-with-plugins.ts";
import type { Compose } from "../tokens.ts";

/** The options of `netbind validate`. */
export interface ValidateOptions extends InputFiles, ValidationOptions, ClusterOptions {
  /** True where a cluster says what the files do not. */
  readonly cluster: boolean;
  /** Warnings fail too. */
  readonly strict: boolean;
  readonly plugin: PluginSources;
  readonly output: ReportFormat;
}

const asksPlugins = ({ vms, templates, configuration }: Input): boolean =>
  Object.keys(configuration.network?.binding ?? {}).length > 0 ||
  [...vms, ...templates].some(({ vmi }) => interfacesOf(vmi).some(({ binding }) => binding !== undefined));

/** Validates an input, and asks the plugins where it has any: only then is all loaded that they are asked with. */
async function validateAndAsk(input: Input, options: ValidateOptions, compose: Compose): Promise<Validated> {
  if (options.plugin.size === 0 && !asksPlugins(input))
    return { findings: validateInput(input, options, new Map()), failures: [] };
  return (await import("./validate-with-plugins.ts")).validateWithPlugins(input, options, compose);
}

/** The VMs of an input, as a report lists them: their lines are found where a format prints them. */
const checkedVms = ({ vms, templates }: Input): readonly CheckedVm[] => [...vms, ...templates];

/** What is validated, and what a cluster says of it. */
interface Subject {
  readonly input: Input;
  readonly notChecked: readonly string[];
  readonly notes: readonly string[];
  /** False for what is not the author's, or not known. */
  readonly counts: (finding: InputFinding) => boolean;
}

const NEEDED = "anything of a VM or its cluster";

/** Reads what is validated; of a cluster what is named and not in the files. */
async function readSubject(options: ValidateOptions): Promise<Subject> {
  if (options.cluster) return readWithCluster(options);
  return { ...ALL_COUNTS, input: inputOf(readInput(options), firstOf(options), NEEDED) };
}

const firstOf = ({ filename: [first = "-"] }: ValidateOptions): string => first;
const ALL_COUNTS: Omit<Subject, "input"> = { notChecked: [], notes: [], counts: () => true };

/** The same with what the cluster has of all that the files name. Objects without a namespace are in that of the context, or of `-n`. */
async function readWithCluster(options: ValidateOptions): Promise<Subject> {
  const { openCluster } = await import("../cluster/open-cluster.ts");
  using cluster = openCluster(options);
  const own = readInput({ ...options, namespace: cluster.namespace });
  const alone = inputOf(own, firstOf(options), NEEDED);
  if (alone.vms.length + alone.running.length + alone.templates.length === 0) return { ...ALL_COUNTS, input: alone };
  const { isOfClusterFile, readClusterDocuments } = await import("../cluster/cluster-documents.ts");
  const { read, notChecked, unknown, notes } = await readClusterDocuments(own, cluster);
  // The author's documents are the first: what is there twice is said of the other.
  const input = inputOf(joinResults([own, read]), firstOf(options), NEEDED, "the input or the cluster");
  const isUnknown = ({ rule, problem }: InputFinding): boolean =>
    rule === "NAD-1" && unknown.some((name) => problem.includes(` ${name} `));
  return { input, notChecked, notes, counts: (one) => !isOfClusterFile(one) && !isUnknown(one) };
}

/** What was found, and what of it counts. */
function reportOf(
  { findings, failures }: Validated,
  { input, notChecked }: Subject,
  options: ValidateOptions,
): ReportContent {
  const marked = markIgnored(findings, new Set(options.ignore));
  const counted = marked.filter(({ ignored }) => ignored !== true);
  const errors = counted.filter(({ consequence }) => consequence === "rejected");
  return {
    passed: errors.length + failures.length === 0 && (!options.strict || counted.length === errors.length),
    findings: counted,
    ignored: marked.filter(({ ignored }) => ignored === true),
    vms: checkedVms(input),
    notChecked: [...notChecked, ...findNotChecked(input)],
    errors: failures.map(({ error }) => `[${error.code}] ${error.message}`),
    strict: options.strict,
  };
}

/** A report as data. */
function reportData(report: ReportContent, error: unknown): object {
  const found = report.findings.map(withoutExcerpt);
  return defined({
    passed: report.passed,
    kubevirt: report.kubevirt,
    vms: report.vms.length,
    violations: found.filter(({ consequence }) => consequence === "rejected"),
    warnings: found.filter(({ consequence }) => consequence !== "rejected"),
    ignored: report.ignored.map(withoutExcerpt),
    notChecked: report.notChecked,
    error: error === undefined ? undefined : failureJson(error),
  });
}

/** Prints what was found, and last what could not be asked. Gives the exit code. */
function printValidated(report: ReportContent, failed: readonly BindingFailure[], output: ReportFormat): number {
  const error = failed.length === 0 ? undefined : new PluginsFailedError(failed);
  const { findings, ignored, vms, notChecked, passed } = report;
  if (output === "text") {
    printStyled(findingsLines({ findings, ignored, vms: vms.length, failed }, findingFormat(process.stdout)));
    for (const text of notChecked) printMessage(`note: not checked: ${text}`);
  } else if (output === "json" || output === "yaml") printData(reportData(report, error), output);
  else printReport(report, output);
  if (error !== undefined) printError(error);
  return passed ? EXIT.ok : EXIT.failed;
}

/** `netbind validate`: checks VMs against KubeVirt's admission rules, and warns about settings that it accepts but ignores. */
export async function validate(options: ValidateOptions, compose: Compose): Promise<number> {
  checkIgnoredRules(options.ignore);
  const subject = await readSubject(options);
  const { input } = subject;
  const chosen = askedVersion(input, options.kubevirtVersion);
  const all = await validateAndAsk(input, { ...options, kubevirtVersion: chosen.version }, compose);
  const validated = { ...all, findings: all.findings.filter(subject.counts) };
  if (options.output === "text")
    for (const text of [...subject.notes, ...input.warnings]) printMessage(`note: ${text}`);
  return printValidated(
    { ...reportOf(validated, subject, options), kubevirt: versionData(chosen) },
    validated.failures,
    options.output,
  );
}
