import type { BindingDescription } from "@netbind/contract";
import { ALL_RULES, type ExplainedBinding, type ExplainedField, FIELDS, explain as find, type RuleText } from "@netbind/kubevirt/admission";
import { formatVersion } from "@netbind/kubevirt";
import { EXIT } from "../exit-codes.ts";
import { type OutputFormat, print, printJson, table, printMessage } from "../output.ts";
import { openPlugins, requireOpened, formatSource } from "../plugins.ts";
import type { PluginSources } from "../program-options.ts";
import { type Compose, TOKENS } from "../tokens.ts";

export interface ExplainOptions {
  readonly plugin: PluginSources;
  readonly output: OutputFormat;
}

const CONSEQUENCES: Readonly<Record<RuleText["consequence"], string>> = {
  rejected: "KubeVirt's API refuses the VM",
  neverStarts: "accepted, and cannot work: netbind run refuses it",
  pending: "accepted, and waits until the cluster has what it names",
  ignored: "accepted, and has no effect or not the one that was meant",
};

const versions = ({ since, until }: RuleText): string => {
  const from = since === undefined ? "every version" : `since ${formatVersion(since)}`;
  return until === undefined ? from : since === undefined ? `until ${formatVersion(until)}` : `${from}, until ${formatVersion(until)}`;
};

const formatRule = (rule: RuleText): string =>
  [
    `${rule.id}: ${rule.means}`,
    `  why:      ${rule.why}`,
    `  fix:      ${rule.fix}`,
    `  versions: ${versions(rule)}`,
    `  breaks:   ${CONSEQUENCES[rule.consequence]} (${rule.reason})`,
    ...(rule.kubevirt === undefined ? [] : [`  KubeVirt: ${rule.kubevirt.difference}`]),
  ].join("\n");

const formatBinding = (binding: ExplainedBinding): string =>
  [
    `binding ${binding.name}: ${binding.means}`,
    `  networks:     ${binding.networks}`,
    `  registration: ${binding.registration}`,
    `  guest:        ${binding.guestAddress}`,
    `  ports:        ${binding.ports}`,
    `  migration:    ${binding.migration}`,
    `  hot-plug:     ${binding.hotplug}`,
  ].join("\n");

const formatField = ({ path, means, otherwise, rules }: ExplainedField): string =>
  [`${path}: ${means}`, `  otherwise: ${otherwise}`, ...(rules.length === 0 ? [] : [`  rules:     ${rules.join(", ")}`])].join("\n");

/** Everything that can be explained, a line each. */
function formatAll(bindings: readonly ExplainedBinding[]): string {
  return [
    "Bindings:",
    table(bindings.map(({ name, means }) => [name, means])),
    "\nRules:",
    table(ALL_RULES.map(({ id, means }) => [id, means])),
    "\nFields:",
    table(FIELDS.map(({ path, means }) => [path, means])),
  ].join("\n");
}

/** A third-party binding, as it describes itself. */
interface ExplainedPlugin extends BindingDescription {
  /** The name that it is registered under. */
  readonly registeredAs: string;
  readonly source: string;
}

const MIGRATION: Readonly<Record<BindingDescription["migration"], { readonly means: string; readonly registered: string }>> = {
  none: { means: "no", registered: "no migration" },
  supported: { means: "yes", registered: "migration: {}" },
  "link-refresh": { means: "yes; the guest's link goes down and up", registered: "migration: {method: link-refresh}" },
};

const formatPlugin = ({ registeredAs, source, name, contract, migration, takesPodMac, hooks }: ExplainedPlugin): string =>
  [
    `binding ${registeredAs}: a third-party binding, served by ${source}, which calls itself ${name}`,
    `  contract:     ${contract}; it answers ${hooks.join(", ")}`,
    `  registration: sidecarImage, ${MIGRATION[migration].registered}, and domainAttachmentType: tap where it plans a tap`,
    `  MAC address:  ${takesPodMac ? "the pod link's, where the VM's author names none" : "the VM author's, else one of the core's"}`,
    `  migration:    ${MIGRATION[migration].means}`,
  ].join("\n");

/** What third-party bindings say of themselves: those whose name is asked for, or all. */
async function describePlugins(
  word: string | undefined,
  { plugin }: ExplainOptions,
  compose: Compose,
): Promise<readonly ExplainedPlugin[]> {
  const wanted = new Map([...plugin].filter(([name]) => word === undefined || name === word));
  if (wanted.size === 0) return [];
  await using plugins = await openPlugins(wanted, await compose());
  await requireOpened(plugins);
  return [...plugins.asked].map(([registeredAs, { description }]) => {
    const source = wanted.get(registeredAs);
    return { ...description, registeredAs, source: source === undefined ? "" : formatSource(source) };
  });
}

/** `netbind explain`: what a rule, a binding or a field means. */
export async function explain(word: string | undefined, options: ExplainOptions, compose: Compose): Promise<number> {
  const released = (await compose())(TOKENS.explained);
  const plugins = await describePlugins(word, options, compose);
  const isReplaced = ({ name }: ExplainedBinding): boolean => plugins.some(({ registeredAs }) => registeredAs === name);
  if (word === undefined) {
    if (options.output === "json") printJson({ bindings: released, plugins, rules: ALL_RULES, fields: FIELDS });
    else print([...plugins.map(formatPlugin), formatAll(released)].join("\n\n"));
    return EXIT.ok;
  }
  const { rules, bindings: own, fields } = find(word, released);
  const bindings = own.filter((binding) => !isReplaced(binding));
  if (rules.length + bindings.length + plugins.length + fields.length === 0) {
    printMessage(`nothing is called "${word}": netbind explain lists all rules, bindings and fields`);
    return EXIT.failed;
  }
  if (options.output === "json") printJson({ bindings, plugins, rules, fields });
  else
    print(
      [...plugins.map(formatPlugin), ...bindings.map(formatBinding), ...fields.map(formatField), ...rules.map(formatRule)].join("\n\n"),
    );
  return EXIT.ok;
}
