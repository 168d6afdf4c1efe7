import { ALL_CHECKS, type ExplainedBinding, explain as find, FIELDS } from "@netbind/kubevirt/admission";
import { type ExplainedError, type ExplainedPlugin, formatExplainable, formatExplained } from "@netbind/view";
import type { PluginSources } from "../plugins/plugin-sources.ts";
import type { OutputFormat } from "../output.ts";
import { ERRORS_BY_CODE } from "../error-codes.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printData, printMessage, screen } from "../output.ts";
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

/** The error code that a word is, with what it means; none where it is none. */
function errorsNamed(word: string): readonly ExplainedError[] {
  const code = word.trim().toUpperCase();
  const text = ERRORS_BY_CODE.get(code);
  return text === undefined ? [] : [{ code, ...text }];
}

/** `netbind explain`: what a rule, a binding or a field means. */
export async function explain(word: string | undefined, options: ExplainOptions, compose: Compose): Promise<number> {
  const released = (await compose())(TOKENS.explained);
  const plugins = await describePlugins(word, options, compose);
  const isReplaced = ({ name }: ExplainedBinding): boolean => plugins.some(({ registeredAs }) => registeredAs === name);
  if (word === undefined) {
    const errors = [...ERRORS_BY_CODE].map(([code, text]) => ({ code, ...text }));
    const all = { bindings: released, plugins, rules: ALL_CHECKS, fields: FIELDS, errors };
    if (options.output !== "text") printData(all, options.output);
    else print(formatExplainable(all, screen().width));
    return EXIT.ok;
  }
  const named = word.replace(/^\[(.*)\]$/, "$1");
  const { rules, bindings: own, fields } = find(named, released);
  const errors = errorsNamed(named);
  const bindings = own.filter((binding) => !isReplaced(binding));
  if (rules.length + bindings.length + plugins.length + fields.length + errors.length === 0) {
    printMessage(`no rule, binding, field or error code is named "${word}": run netbind explain to list all of them`);
    return EXIT.failed;
  }
  if (options.output !== "text") printData({ bindings, plugins, rules, fields, errors }, options.output);
  else print(formatExplained({ bindings, plugins, rules, fields, errors }));
  return EXIT.ok;
}
