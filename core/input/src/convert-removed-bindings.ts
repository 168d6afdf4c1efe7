import { violation } from "@netbind/contract";
import { sameValue } from "@netbind/kubevirt";
import { OTHER_METHODS, REMOVED_BINDINGS } from "@netbind/kubevirt/admission";
import { type InputDocument, type InputViolation, parseText } from "./documents.ts";
import { findDuplicateKeys } from "./key-findings.ts";
import { isVmKind, stepsToVm, valueAt } from "./input-vm.ts";
import { kindOf } from "./kinds.ts";
import { parseYaml, type YamlDocument } from "./parse-yaml.ts";
import type { Span, YamlField } from "./yaml-fields.ts";
import type { YamlPath } from "./yaml-positions.ts";

/** One interface that is converted. */
export interface BindingChange {
  readonly line: number;
  /** Its name, where it says one. */
  readonly interface: string;
  /** What was written, and what is written now. */
  readonly from: string;
  readonly to: string;
}

/** An interface that is left as it is, and why. */
export interface BindingWarning {
  readonly line: number;
  readonly text: string;
}

/** A text with its removed bindings converted; all other bytes are as they were. Where there are violations it is the text itself. */
export interface ConvertedText {
  readonly text: string;
  readonly changes: readonly BindingChange[];
  readonly warnings: readonly BindingWarning[];
  /** Why it cannot be read, or cannot be changed in its place. */
  readonly violations: readonly InputViolation[];
  /** Keys that are written twice: the last counts. */
  readonly duplicates: readonly InputViolation[];
}

type Nic = Readonly<Record<string, unknown>>;

/** An interface with an old key, and where. */
interface OldNic {
  readonly yaml: YamlDocument;
  readonly path: YamlPath;
  readonly name: string;
  /** The keys that say how it is attached. */
  readonly methods: readonly string[];
  readonly value: Nic;
}

/** A piece of the text that something else takes the place of. */
interface Edit extends Span {
  readonly text: string;
}

/** An interface that is converted, and where its old key is written; undefined where that is not found. */
interface Conversion extends OldNic {
  readonly key: string;
  readonly field: YamlField | undefined;
}

/** The keys that say how an interface is attached. One without a value is not there, unless it is all that there is. */
function methodsOf(nic: Nic): readonly string[] {
  const written = [...REMOVED_BINDINGS, ...OTHER_METHODS].filter((key) => nic[key] !== undefined);
  const meant = written.filter((key) => nic[key] !== null);
  return meant.length > 0 ? meant : written.filter((key) => isRemoved(key));
}

const isRemoved = (key: string): boolean => REMOVED_BINDINGS.some((removed) => removed === key);

/** The interfaces of an object's VM that have an old key. */
function oldNicsOf(document: InputDocument): readonly OldNic[] {
  const kind = kindOf(document);
  if (!isVmKind(kind)) return [];
  const { yaml, path } = document.source;
  const at = [...path, ...stepsToVm(kind), "spec", "domain", "devices", "interfaces"];
  const interfaces = valueAt(yaml.value, at);
  if (!Array.isArray(interfaces)) return [];
  return interfaces.flatMap((value: unknown, index): readonly OldNic[] => {
    if (typeof value !== "object" || value === null) return [];
    const nic = value as Nic;
    const methods = methodsOf(nic);
    return methods.some(isRemoved)
      ? [{ yaml, path: [...at, index], name: String(nic["name"] ?? ""), methods, value: nic }]
      : [];
  });
}

const isEmpty = (value: unknown): boolean =>
  value === null || (typeof value === "object" && Object.keys(value).length === 0);

/** Why an interface is left as it is; undefined where it is converted. */
function whyLeft({ name, methods, value }: OldNic): string | undefined {
  const [key = "", ...more] = methods;
  const quoted = JSON.stringify(name);
  if (more.length > 0) return `interface ${quoted} has more than one of ${methods.join(", ")}: it is left as it is`;
  return isEmpty(value[key])
    ? undefined
    : `the value of ${key} of interface ${quoted} is not empty: it is left as it is`;
}

/** A field that is changed, of the interface that it was first found at. */
interface EditedField {
  readonly field: YamlField;
  readonly name: string;
  readonly edits: readonly Edit[];
}

/** The edits that make a binding of an old key: those of its key and of its value, so that what is between them stays. */
function editsOf({ key, quoted, value, gap }: YamlField, name: string): readonly Edit[] {
  const inner = quoted ? `"name": "${name}"` : `name: ${name}`;
  const renamed = { ...key, text: "binding" };
  if (value === undefined) return [renamed, { start: gap.at, end: gap.at, text: `${gap.colon ? "" : ":"} {${inner}}` }];
  // A comment may be in the braces.
  if (value.kind === "braces") return [renamed, { start: value.start + 1, end: value.start + 1, text: inner }];
  return value.kind === "other" ? [] : [renamed, { start: value.start, end: value.end, text: `{${inner}}` }];
}

/** A text with pieces changed; they do not overlap. */
function edited(text: string, edits: readonly Edit[], within: Span = { start: 0, end: text.length }): string {
  let [result, at] = ["", within.start];
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return result + text.slice(at, within.end);
}

/** What is written of a conversion, and what is then. */
function changeOf(text: string, { field, name, edits }: EditedField): BindingChange {
  const quote = /["']/.test(text[field.key.start - 1] ?? "") ? 1 : 0;
  const braces = field.value?.kind === "braces" ? text.indexOf("}", field.value.start) + 1 : 0;
  const end = Math.max(field.gap.at, field.value?.end ?? 0, braces);
  const within = { start: field.key.start - quote, end };
  return { line: field.line, interface: name, from: text.slice(within.start, end), to: edited(text, edits, within) };
}

function withBinding(nic: Nic, key: string): Nic {
  const { [key]: _, ...rest } = nic;
  return { ...rest, binding: { name: key } };
}

/** A value with all that is converted in it, whose paths are followed from a depth on. What is not on a path is the same object. */
function withConversions(value: unknown, conversions: readonly Conversion[], depth = 0): unknown {
  const [first] = conversions;
  if (first === undefined) return value;
  if (first.path.length === depth) return withBinding(value as Nic, first.key);
  const copy = (Array.isArray(value) ? [...value] : { ...(value as Nic) }) as Record<string | number, unknown>;
  for (const [step, inner] of Map.groupBy(conversions, ({ path }) => path[depth] ?? ""))
    copy[step] = withConversions(copy[step], inner, depth + 1);
  return copy;
}

const isWritten = ({ value }: YamlDocument): boolean => value !== null && value !== undefined;

/** The documents that cannot be changed in place: the changed text would say something else in them, or nothing. */
function findUnsafe(
  text: string,
  before: readonly YamlDocument[],
  conversions: readonly Conversion[],
): readonly YamlDocument[] {
  const after = parseYaml(text).filter((one) => "problem" in one || isWritten(one));
  const written = before.filter(isWritten);
  if (after.length !== written.length) return before;
  const of = Map.groupBy(conversions, ({ yaml }) => yaml);
  return written.filter((yaml, index) => {
    const other = after[index];
    return (
      other === undefined ||
      "problem" in other ||
      !sameValue(other.value, withConversions(yaml.value, of.get(yaml) ?? []))
    );
  });
}

function refusalOf(file: string, { field, key, name, yaml, path }: Conversion): InputViolation {
  const subject = `${key} of interface ${JSON.stringify(name)}`;
  const inOneLine = `"binding: {name: ${key}}"`;
  const found =
    field?.shared === true
      ? violation(
          key,
          `${subject} is shared with another part of the document by an anchor, an alias or a merge key`,
          `write the interface out without them, or change it to ${inOneLine} by hand`,
        )
      : violation(
          key,
          `${subject} is written in a way that cannot be changed in its place`,
          `write it as "${key}: {}", or change it to ${inOneLine} by hand`,
        );
  return { ...found, file, ...(field?.place ?? yaml.placeOf([...path, key])) };
}

/** Reports what prevents it: what others share first, and each place once. */
function refusalsOf(file: string, conversions: readonly Conversion[]): readonly InputViolation[] {
  const shared = conversions.filter(({ field }) => field?.shared === true);
  const refusals = (shared.length > 0 ? shared : conversions).map((one) => refusalOf(file, one));
  return [...new Map(refusals.map((one) => [`${one.line} ${one.problem}`, one])).values()];
}

/** The fields to change, each once and in their order: an interface may be reached more than once. */
function editedFields(conversions: readonly Conversion[]): readonly EditedField[] {
  const fields = conversions.flatMap(({ field, key, name }) =>
    field === undefined ? [] : [{ field, name, edits: editsOf(field, key) }],
  );
  return [...new Map(fields.toReversed().map((one) => [one.field.key.start, one])).values()].sort(
    (a, b) => a.field.key.start - b.field.key.start,
  );
}

/**
 * Converts the core bindings that KubeVirt 1.3 removed: `slirp: {}`, `passt: {}` and `macvtap: {}` become the binding plugin
 * of that name. The text is read as {@link parseText} reads it, and refused where that refuses it. It is changed at these
 * places only, and the changed text is read again: where it would not say the same but for the converted interfaces, such
 * as by an alias of what was changed, nothing is changed and the places are violations.
 */
export function convertRemovedBindings(file: string, text: string): ConvertedText {
  const { documents, violations, yaml } = parseText(file, text);
  const duplicates = findDuplicateKeys(documents);
  if (violations.length > 0) return { text, changes: [], warnings: [], violations, duplicates };
  const nics = documents.flatMap(oldNicsOf).map((nic) => ({ nic, why: whyLeft(nic) }));
  const warnings = nics.flatMap(({ nic, why }) => (why === undefined ? [] : [{ line: lineOfOld(nic), text: why }]));
  const conversions = nics.flatMap(({ nic, why }) => (why === undefined ? [conversionOf(nic)] : []));
  const fields = editedFields(conversions);
  const result = edited(
    text,
    fields.flatMap(({ edits }) => edits),
  );
  const unsafe = conversions.length === 0 ? [] : findUnsafe(result, yaml, conversions);
  if (unsafe.length === 0)
    return { text: result, changes: fields.map((one) => changeOf(text, one)), warnings, violations, duplicates };
  const blamed = conversions.filter((one) => unsafe.includes(one.yaml));
  const refused = refusalsOf(file, blamed.length > 0 ? blamed : conversions);
  return { text, changes: [], warnings, violations: refused, duplicates };
}

const lineOfOld = ({ yaml, path, methods }: OldNic): number => yaml.lineOf([...path, methods.find(isRemoved) ?? ""]);

function conversionOf(nic: OldNic): Conversion {
  const [key = ""] = nic.methods;
  return { ...nic, key, field: nic.yaml.fieldAt([...nic.path, key]) };
}
