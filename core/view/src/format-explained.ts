import type { BindingDescription } from "@netbind/contract";
import { formatVersion } from "@netbind/kubevirt";
import type { ExplainedBinding, ExplainedField, RuleText } from "@netbind/kubevirt/admission";
import { outcomeOf } from "./format-finding.ts";
import { definitions } from "./table.ts";

/** What can be explained. */
export interface Explained {
  readonly bindings: readonly ExplainedBinding[];
  /** Third-party bindings. */
  readonly plugins: readonly ExplainedPlugin[];
  readonly rules: readonly RuleText[];
  readonly fields: readonly ExplainedField[];
  readonly errors: readonly ExplainedError[];
}

/** A code that an error of a command has. */
export interface ExplainedError {
  readonly code: string;
  readonly means: string;
  readonly fix: string;
}

const versions = ({ since, until }: RuleText): string => {
  const from = since === undefined ? "every version" : `since ${formatVersion(since)}`;
  return until === undefined
    ? from
    : since === undefined
      ? `until ${formatVersion(until)}`
      : `${from}, until ${formatVersion(until)}`;
};

const formatRule = (rule: RuleText): string =>
  [
    `${rule.id}: ${rule.means}`,
    `  why:      ${rule.why}`,
    `  fix:      ${rule.fix}`,
    `  versions: ${versions(rule)}`,
    `  breaks:   ${outcomeOf(rule)} (${rule.reason})`,
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

const formatError = ({ code, means, fix }: ExplainedError): string => `${code}: ${means}\n  fix: ${fix}`;

const formatField = ({ path, means, otherwise, rules }: ExplainedField): string =>
  [
    `${path}: ${means}`,
    `  otherwise: ${otherwise}`,
    ...(rules.length === 0 ? [] : [`  rules:     ${rules.join(", ")}`]),
  ].join("\n");

/** A third-party binding, as it describes itself. */
export interface ExplainedPlugin extends BindingDescription {
  /** The name that it is registered under. */
  readonly registeredAs: string;
  /** Its file or socket. */
  readonly source: string;
}

const MIGRATION: Readonly<
  Record<BindingDescription["migration"], { readonly means: string; readonly registered: string }>
> = {
  none: { means: "no", registered: "no migration" },
  supported: { means: "yes", registered: "migration: {}" },
  "link-refresh": { means: "yes; the guest's link goes down and up", registered: "migration: {method: link-refresh}" },
};

const formatPlugin = ({
  registeredAs,
  source,
  name,
  contract,
  migration,
  takesPodMac,
  hooks,
}: ExplainedPlugin): string =>
  [
    `binding ${registeredAs}: a third-party binding, served by ${source}, which calls itself ${name}`,
    `  contract:     ${contract}; hooks ${hooks.join(", ")}`,
    `  registration: sidecarImage, ${MIGRATION[migration].registered}, and domainAttachmentType: tap where it plans a tap`,
    `  MAC address:  ${takesPodMac ? "the pod link's, where the VM names none" : "the VM's, else a generated one"}`,
    `  migration:    ${MIGRATION[migration].means}`,
  ].join("\n");

/** Each of what is explained in full. */
export const formatExplained = ({ plugins, bindings, fields, rules, errors }: Explained): string =>
  [
    ...plugins.map(formatPlugin),
    ...bindings.map(formatBinding),
    ...fields.map(formatField),
    ...rules.map(formatRule),
    ...errors.map(formatError),
  ].join("\n\n");

/** Everything that can be explained: third-party bindings in full, and of all others a line each. */
export function formatExplainable({ plugins, bindings, fields, rules, errors }: Explained, width: number): string {
  const lists = [
    "Bindings:",
    definitions(
      bindings.map(({ name, means }) => [name, means]),
      width,
    ),
    "\nRules:",
    definitions(
      rules.map(({ id, means }) => [id, means]),
      width,
    ),
    "\nFields:",
    definitions(
      fields.map(({ path, means }) => [path, means]),
      width,
    ),
    "\nError codes:",
    definitions(
      errors.map(({ code, means }) => [code, means]),
      width,
    ),
  ];
  return [...plugins.map(formatPlugin), lists.join("\n")].join("\n\n");
}
