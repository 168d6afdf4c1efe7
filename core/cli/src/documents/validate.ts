import { defined } from "@netbind/contract";
import { admitPluginNics, allAnswers, needsOfNics, pluginNics } from "@netbind/engine";
import type { ValidationOptions } from "@netbind/input";
import { completedVmi, inOrder, type Input, type InputFinding, validateInput } from "@netbind/input";
import { interfacesOf } from "@netbind/kubevirt";
import { formatFindings } from "@netbind/view";
import type { PluginSources } from "../plugins/plugin-sources.ts";
import type { OutputFormat } from "../output.ts";
import type { InputFiles } from "../input/read-input.ts";
import { loadInput } from "../input/load-input.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson, printMessage } from "../output.ts";
import { failureJson, printError } from "../failure.ts";
import { type BindingFailure, PluginsFailedError } from "../errors.ts";
import { PluginFailures } from "../plugins/plugin-failures.ts";
import { openPlugins } from "../plugins/open-plugins.ts";
import type { Compose } from "../tokens.ts";

/** The options of `netbind validate`. */
export interface ValidateOptions extends InputFiles, ValidationOptions {
  /** Warnings fail too. */
  readonly strict: boolean;
  readonly plugin: PluginSources;
  readonly output: OutputFormat;
}

const asksPlugins = ({ vms, templates }: Input): boolean =>
  [...vms, ...templates].some(({ vmi }) => interfacesOf(vmi).some(({ binding }) => binding !== undefined));

/** KubeVirt asks no plugin, so it accepts the VM; the node agent asks, and does not attach its pod. */
const ADMIT = { rule: "ADMIT", reason: "FieldValueInvalid", consequence: "neverStarts" } as const;

/**
 * What the plugins of NICs find wrong with them: a cluster admits the VM, and its pod is not attached. Where a rule says
 * something of the same place already, it is not said again.
 */
async function findByPlugins(
  input: Input,
  validated: readonly InputFinding[],
  failures: PluginFailures,
): Promise<readonly InputFinding[]> {
  const found = [...input.vms, ...input.templates].map(async (vm) => {
    const vmi = completedVmi(vm, input);
    const bindings = failures.bindingsFor(vm);
    const violations = await admitPluginNics(vmi, bindings);
    // Nothing is made of what they need here, but a plugin that cannot report them does not work.
    await needsOfNics(pluginNics(vmi, bindings), bindings);
    return violations.map((one): InputFinding => ({ ...vm.locate(one), ...ADMIT }));
  });
  const findings = (await allAnswers(found)).flat();
  return findings.filter(
    ({ file, line, field }) => !validated.some((one) => one.file === file && one.line === line && one.field === field),
  );
}

/** All that was found, and the plugins that did not answer. */
interface Validated {
  readonly findings: readonly InputFinding[];
  readonly failures: readonly BindingFailure[];
}

/** Validates an input, and asks the plugins where it has any: only then is all loaded that they are asked with. */
async function validateAndAsk(input: Input, options: ValidateOptions, compose: Compose): Promise<Validated> {
  if (options.plugin.size === 0 && !asksPlugins(input))
    return { findings: validateInput(input, options, new Map()), failures: [] };
  await using plugins = await openPlugins(options.plugin, await compose());
  const validated = validateInput(input, options, plugins.bindings);
  const failures = new PluginFailures(plugins);
  const findings = inOrder([...validated, ...(await findByPlugins(input, validated, failures))]);
  return { findings, failures: failures.all };
}

/** Prints what was found of so many VMs, and last what could not be asked. Gives the exit code. */
function report({ findings, failures }: Validated, vms: number, { strict, output }: ValidateOptions): number {
  const errors = findings.filter(({ consequence }) => consequence === "rejected");
  const warnings = findings.filter(({ consequence }) => consequence !== "rejected");
  const passed = errors.length + failures.length === 0 && (!strict || warnings.length === 0);
  const error = failures.length === 0 ? undefined : new PluginsFailedError(failures);
  if (output === "json") {
    printJson(
      defined({
        passed,
        vms,
        violations: errors,
        warnings,
        error: error === undefined ? undefined : failureJson(error),
      }),
    );
  } else {
    print(formatFindings(findings, vms, failures));
  }
  if (error !== undefined) printError(error);
  return passed ? EXIT.ok : EXIT.failed;
}

/** `netbind validate`: what the cluster will say of VMs, and what comes of what it does not say. */
export async function validate(options: ValidateOptions, compose: Compose): Promise<number> {
  const input = loadInput(options, "a VM, a clone or a migration");
  const validated = await validateAndAsk(input, options, compose);
  if (options.output !== "json") for (const warning of input.warnings) printMessage(`note: ${warning}`);
  return report(validated, input.vms.length + input.templates.length, options);
}
