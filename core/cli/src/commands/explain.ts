import {
  ALL_RULES,
  BINDINGS,
  type ExplainedBinding,
  type ExplainedField,
  explain as find,
  FIELDS,
  type RuleText,
  showVersion,
} from "@netbind/engine";
import { EXIT } from "../exit-codes.ts";
import { type OutputFormat, print, printJson, table, tell } from "../output.ts";

const CONSEQUENCES: Readonly<Record<RuleText["consequence"], string>> = {
  rejected: "KubeVirt's API refuses the VM",
  neverStarts: "accepted, and cannot work: netbind run refuses it",
  pending: "accepted, and waits until the cluster has what it names",
  ignored: "accepted, and has no effect or not the one that was meant",
};

const versions = ({ since, until }: RuleText): string => {
  const from = since === undefined ? "every version" : `since ${showVersion(since)}`;
  return until === undefined ? from : since === undefined ? `until ${showVersion(until)}` : `${from}, until ${showVersion(until)}`;
};

const showRule = (rule: RuleText): string =>
  [
    `${rule.id}: ${rule.means}`,
    `  why:      ${rule.why}`,
    `  fix:      ${rule.fix}`,
    `  versions: ${versions(rule)}`,
    `  breaks:   ${CONSEQUENCES[rule.consequence]} (${rule.reason})`,
    ...(rule.kubevirt === undefined ? [] : [`  KubeVirt: ${rule.kubevirt.difference}`]),
  ].join("\n");

const showBinding = (binding: ExplainedBinding): string =>
  [
    `binding ${binding.name}: ${binding.means}`,
    `  networks:     ${binding.networks}`,
    `  registration: ${binding.registration}`,
    `  guest:        ${binding.guestAddress}`,
    `  ports:        ${binding.ports}`,
    `  migration:    ${binding.migration}`,
  ].join("\n");

const showField = ({ path, means, otherwise, rules }: ExplainedField): string =>
  [`${path}: ${means}`, `  otherwise: ${otherwise}`, ...(rules.length === 0 ? [] : [`  rules:     ${rules.join(", ")}`])].join("\n");

/** Everything that can be explained, a line each. */
function showAll(): string {
  return [
    "Bindings:",
    table(BINDINGS.map(({ name, means }) => [name, means])),
    "\nRules:",
    table(ALL_RULES.map(({ id, means }) => [id, means])),
    "\nFields:",
    table(FIELDS.map(({ path, means }) => [path, means])),
  ].join("\n");
}

/** `netbind explain`: what a rule, a binding or a field means. */
export async function explain(word: string | undefined, output: OutputFormat): Promise<number> {
  if (word === undefined) {
    if (output === "json") printJson({ bindings: BINDINGS, rules: ALL_RULES, fields: FIELDS });
    else print(showAll());
    return EXIT.ok;
  }
  const { rules, bindings, fields } = find(word);
  if (rules.length + bindings.length + fields.length === 0) {
    tell(`nothing is called "${word}": netbind explain lists all rules, bindings and fields`);
    return EXIT.failed;
  }
  if (output === "json") printJson({ bindings, rules, fields });
  else print([...bindings.map(showBinding), ...fields.map(showField), ...rules.map(showRule)].join("\n\n"));
  return EXIT.ok;
}
