import { defined, violation } from "@netbind/contract";
import { allAnswers, decideVmi, type Decision, type GrantsByBinding } from "@netbind/engine";
import {
  type CheckId,
  type CodedViolation,
  findMistakes,
  foundBy,
  type ValidationContext,
  translateRemovedBindings,
} from "@netbind/kubevirt/admission";
import {
  type ImageFallback,
  INTERFACES_PATH,
  interfacesOf,
  isDataOnly,
  type KubevirtMinor,
  type Vmi,
} from "@netbind/kubevirt";
import {
  type ChosenVersion,
  findUnknown,
  ignoredIn,
  type Input,
  type InputViolation,
  type InputVm,
  surroundingsOf,
} from "@netbind/input";
import { askedVersion } from "./asked-version.ts";
import { checkIgnoredRules } from "./check-ignored-rules.ts";
import { warnDuplicates } from "./warn-duplicates.ts";
import { loadInput } from "../input/load-input.ts";
import type { InputFiles } from "../input/read-input.ts";
import { outcomeOf, violationLines } from "@netbind/view";
import { findingFormat, printMessage, printStyledMessage } from "../output.ts";
import { nameOfVm, PluginFailures } from "../plugins/plugin-failures.ts";
import { type OpenPlugins, withPlugins } from "../plugins/open-plugins.ts";
import type { PluginSources } from "../plugins/plugin-sources.ts";
import type { SidecarImages } from "../plugins/sidecar-images.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { InputError } from "../errors.ts";

/** A VM of the input that may be started. */
export interface DecidedVm {
  readonly vm: InputVm;
  readonly decision: Decision;
}

/** What is known beside a VM, the same for all of an input. */
interface Known extends Pick<ValidationContext, "described" | "surroundings" | "version"> {
  /** Rules whose warnings nobody wants. */
  readonly ignore: readonly string[];
}

/** Warns about fields of a VM that have no effect, or another than the intended one. The VM starts. */
function warnIneffective({ vm, decision: { vmi } }: DecidedVm, { configuration, nads }: Input, known: Known): void {
  const { ignore } = known;
  const found = findMistakes(vmi, { configuration, nads, ...known }).filter(
    ({ rule }) => rule.consequence === "ignored",
  );
  const ignored = new Set([...ignore, ...ignoredIn(vm)]);
  const [left, shown] = [true, false].map((isIgnored) =>
    found.filter(({ rule }) => ignored.has(rule.id) === isIgnored),
  );
  for (const { rule, field, problem, fix } of shown ?? []) {
    const located = vm.locate({ field, problem, fix, rule: rule.id });
    printStyledMessage(violationLines(located, findingFormat(process.stderr), outcomeOf(rule)));
  }
  if (left !== undefined && left.length > 0)
    printMessage(`VM ${nameOfVm(vm)}: ${left.length} ignored: ${left.map(({ rule }) => rule.id).join(", ")}`);
}

/** Warns where this release's own plugin replaces a registered image. */
function warnSubstitutedImages(decisions: readonly Decision[], own: ReadonlyMap<string, unknown>): void {
  const registered = decisions.flatMap(({ bindings }) =>
    bindings.filter(({ name, from }) => from === "registered" && own.has(name)),
  );
  for (const [name, image] of new Map(registered.map((binding) => [binding.name, binding.image])))
    printMessage(
      `warning: using the built-in ${name} plugin instead of image ${JSON.stringify(image)}, which is registered for it: netbind run --sidecars image runs that one`,
    );
}

/** Bindings whose plugin is not on this machine: netbind could not ask them. */
function findUnserved({ vmi, bindings }: Decision, known: ReadonlyMap<string, unknown>): readonly CodedViolation[] {
  const unserved = new Set(
    bindings.filter((binding) => !isDataOnly(binding) && !known.has(binding.name)).map(({ name }) => name),
  );
  return interfacesOf(vmi).flatMap(({ binding }, at) =>
    binding === undefined || !unserved.has(binding.name)
      ? []
      : [
          {
            rule: "PLUGIN" satisfies CheckId,
            field: `${INTERFACES_PATH}[${at}].binding.name`,
            problem: `the plugin of binding ${JSON.stringify(binding.name)} is not on this machine, and its image does not plan`,
            fix: `name its bundle: --plugin ${binding.name}=FILE`,
          },
        ],
  );
}

/** Warns about plugins that no NIC uses. */
function warnUnused({ sources }: OpenPlugins, decisions: readonly Decision[]): void {
  const used = new Set(decisions.flatMap(({ bindings }) => bindings.map(({ name }) => name)));
  for (const name of sources.keys())
    if (!used.has(name)) printMessage(`warning: --plugin ${name}: no NIC of the input uses binding ${name}`);
}

/** A VM as it is decided about. */
interface TranslatedVm {
  readonly vm: InputVm;
  readonly vmi: Vmi;
  /** True where a binding was written by a key that is none any more: the VM is one of the newest version then. */
  readonly isTranslated: boolean;
}

/** A VM's spec with the bindings that KubeVirt has removed as it reads them today; each is warned about with its line. */
function translateAndWarn(vm: InputVm): TranslatedVm {
  const { vmi, translated } = translateRemovedBindings(vm.vmi);
  for (const { key, field } of translated) {
    const { file, line } = vm.locate(violation(field, "", ""));
    printMessage(
      `warning: ${file}:${line}: ${key} is read as binding: {name: ${key}}; run netbind convert to change the file`,
    );
  }
  return { vm, vmi, isTranslated: translated.length > 0 };
}

/** Files to decide about, and which bindings may be this release's own where the KubeVirt CR does not register them. */
export interface DecidedFiles extends InputFiles {
  /** Absent: `Always`. */
  readonly imageFallback?: ImageFallback["policy"];
  /** The images that sidecars run from; absent: from none. */
  readonly sidecarImages?: SidecarImages;
  /** Absent: the one in the KubeVirt CR's status, else the newest. */
  readonly kubevirtVersion?: KubevirtMinor;
}

/** What a controller of a cluster makes VMs of: none of them is started here, and silence would hide it. */
const refuseTemplates = ({ templates }: Input): readonly InputViolation[] =>
  templates.flatMap((vm) =>
    foundBy("ONE-MACHINE", [
      violation(
        "kind",
        `a ${vm.object.kind} is not started on one machine: a cluster's controller makes VMs of its template`,
        "write a VirtualMachine with the template's spec, or use netbind validate and netbind render",
      ),
    ]).map(vm.locate),
  );

function fallbackOf(
  { imageFallback, sidecarImages }: DecidedFiles,
  released: ImageFallback,
  sources: PluginSources,
): ImageFallback {
  const { table } = sidecarImages ?? released;
  return { ...withPlugins({ ...released, table }, sources), policy: imageFallback ?? released.policy };
}

/** By what all VMs of an input are decided. */
interface DecisionRules {
  readonly fallback: ImageFallback;
  readonly grants: GrantsByBinding;
  readonly version: KubevirtMinor;
  readonly images?: SidecarImages;
}

/** What was decided of a VM, or all that is wrong with it. */
interface DecidedOrNot {
  readonly vm: InputVm;
  readonly result: Awaited<ReturnType<typeof decideVmi>>;
  readonly violations: readonly CodedViolation[];
}

/** What is decided of each VM of an input, by the bindings that answer for it. */
function decideEach(
  input: Input,
  failures: PluginFailures,
  { version, images, ...common }: DecisionRules,
): Promise<readonly DecidedOrNot[]> {
  const deciding = input.vms.map(translateAndWarn).map(async ({ vm, vmi, isTranslated }): Promise<DecidedOrNot> => {
    const bindings = failures.bindingsFor(vm);
    const result = await decideVmi({
      ...common,
      vmi,
      configuration: input.configuration,
      isClusterKnown: input.configuredBy !== undefined,
      bindings,
      nads: input.nads,
      // A translated VM has words that older versions do not know.
      ...(isTranslated ? {} : { version }),
    });
    const { decision } = result;
    const violations =
      decision === undefined
        ? result.violations
        : [...findUnserved(decision, bindings), ...(images?.check(decision) ?? [])];
    return { vm, result, violations };
  });
  return allAnswers(deciding);
}

/** What files say, and what was decided of it. */
export interface DecidedInput {
  readonly input: Input;
  readonly vms: readonly DecidedVm[];
  /** KubeVirt's version by whose rules it was decided. */
  readonly chosen: ChosenVersion;
}

/**
 * Reads files and decides about every VM in them.
 *
 * @throws InputError with all that is wrong, of all VMs at once, PluginsFailedError with the same where a binding fails
 */
export async function decideInput(
  files: DecidedFiles,
  resolve: Resolve,
  plugins: OpenPlugins,
  grants: GrantsByBinding,
): Promise<DecidedInput> {
  checkIgnoredRules(files.ignore);
  const input = loadInput(files);
  const { bindings, sources } = plugins;
  const chosen = askedVersion(input, files.kubevirtVersion);
  const { version } = chosen;
  warnDuplicates(input.duplicates, files.ignore);
  for (const text of findUnknown(input)) printMessage(`note: ${text}`);
  const fallback = fallbackOf(files, resolve(TOKENS.fallback), sources);
  const failures = new PluginFailures(plugins);
  const results = await decideEach(input, failures, {
    fallback,
    grants,
    version,
    ...defined({ images: files.sidecarImages }),
  });
  const refused = results.flatMap((one) => one.violations.map(one.vm.locate));
  const violations = [...input.violations, ...refuseTemplates(input), ...refused];
  failures.throwIfAny(violations);
  if (violations.length > 0) throw new InputError(violations);
  const decided = results.flatMap(({ vm, result: { decision } }) => (decision === undefined ? [] : [{ vm, decision }]));
  const decisions = decided.map(({ decision }) => decision);
  for (const warning of input.warnings) printMessage(`warning: ${warning}`);
  const isBundle = (name: string): boolean => files.sidecarImages?.isImage(name) !== true;
  warnSubstitutedImages(decisions, new Map([...bindings].filter(([name]) => !sources.has(name) && isBundle(name))));
  warnUnused(plugins, decisions);
  const { ignore = [] } = files;
  const known = { described: bindings, surroundings: surroundingsOf(input), version, ignore };
  for (const one of decided) warnIneffective(one, input, known);
  return { input, vms: decided, chosen };
}
