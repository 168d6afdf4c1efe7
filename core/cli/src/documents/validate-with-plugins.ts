import { admitPluginNics, allAnswers, needsOfNics, pluginNics } from "@netbind/engine";
import {
  completedVmi,
  ignoredIn,
  inOrder,
  type Input,
  type InputFinding,
  markIgnored,
  validateInput,
  type ValidationOptions,
} from "@netbind/input";
import type { BindingFailure } from "../errors.ts";
import { openPlugins } from "../plugins/open-plugins.ts";
import { PluginFailures } from "../plugins/plugin-failures.ts";
import type { PluginSources } from "../plugins/plugin-sources.ts";
import type { Compose } from "../tokens.ts";

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
    const findings = violations.map((one): InputFinding => ({ ...vm.locate(one), ...ADMIT }));
    return markIgnored(findings, ignoredIn(vm));
  });
  const findings = (await allAnswers(found)).flat();
  return findings.filter(
    ({ file, line, field }) => !validated.some((one) => one.file === file && one.line === line && one.field === field),
  );
}

/** All that was found, and the plugins that did not answer. */
export interface Validated {
  readonly findings: readonly InputFinding[];
  readonly failures: readonly BindingFailure[];
}

/** Validates an input, and asks the plugins of its NICs. */
export async function validateWithPlugins(
  input: Input,
  options: ValidationOptions & { readonly plugin: PluginSources },
  compose: Compose,
): Promise<Validated> {
  await using plugins = await openPlugins(options.plugin, await compose());
  const validated = validateInput(input, options, plugins.bindings);
  const failures = new PluginFailures(plugins);
  const findings = inOrder([...validated, ...(await findByPlugins(input, validated, failures))]);
  return { findings, failures: failures.all };
}
