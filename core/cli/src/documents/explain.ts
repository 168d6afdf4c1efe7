import { ALL_RULES, type ExplainedBinding, explain as find, FIELDS } from "@netbind/kubevirt/admission";
import { type ExplainedPlugin, formatExplainable, formatExplained } from "@netbind/view";
import type { PluginSources } from "../plugins/plugin-sources.ts";
import type { OutputFormat } from "../output.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printData, printMessage } from "../output.ts";
import { formatSource, openPlugins, requireOpened } from "../plugins/open-plugins.ts";
import { type Compose, TOKENS } from "../tokens.ts";

/** The options of `netbind explain`. */
export interface ExplainOptions {
  readonly plugin: PluginSources;
  readonly output: OutputFormat;
}

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
    const all = { bindings: released, plugins, rules: ALL_RULES, fields: FIELDS };
    if (options.output !== "text") printData(all, options.output);
    else print(formatExplainable(all));
    return EXIT.ok;
  }
  const { rules, bindings: own, fields } = find(word, released);
  const bindings = own.filter((binding) => !isReplaced(binding));
  if (rules.length + bindings.length + plugins.length + fields.length === 0) {
    printMessage(`no rule, binding or field is named "${word}": run netbind explain to list all of them`);
    return EXIT.failed;
  }
  if (options.output !== "text") printData({ bindings, plugins, rules, fields }, options.output);
  else print(formatExplained({ bindings, plugins, rules, fields }));
  return EXIT.ok;
}
