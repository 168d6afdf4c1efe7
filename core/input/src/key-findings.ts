import { violation } from "@netbind/contract";
import type { InputDocument, InputViolation } from "./documents.ts";
import { isOfKubevirt } from "./check-header.ts";
import { kindOf, located } from "./kinds.ts";
import type { YamlDocument } from "./parse-yaml.ts";
import type { DuplicateKey, WrittenKey } from "./written-text.ts";
import type { YamlPath } from "./yaml-positions.ts";

/** A path as messages write it: `spec.networks[0].pod`. */
const fieldOf = (path: YamlPath): string =>
  path.reduce<string>(
    (field, step) => (typeof step === "number" ? `${field}[${step}]` : field === "" ? step : `${field}.${step}`),
    "",
  );

/** What is wrong with a key, of the object that it is in; of a List itself, of its first one. */
function keyFinding(
  { path, place }: WrittenKey,
  objects: readonly [InputDocument, ...InputDocument[]],
  problem: string,
  fix: string,
): InputViolation {
  const owner = objects.find(({ source }) => source.path.every((step, at) => step === path[at]));
  const found = violation(fieldOf(path.slice(owner?.source.path.length ?? 0)), problem, fix);
  return { ...(owner === undefined ? found : located(owner, found)), file: objects[0].file, ...place };
}

const nameOf = ({ path }: WrittenKey): string => JSON.stringify(path.at(-1));

function duplicateOf(key: DuplicateKey, objects: readonly [InputDocument, ...InputDocument[]]): InputViolation {
  const counts = `the value in line ${key.place.line} counts, not the one in line ${key.before}`;
  const found = keyFinding(key, objects, `the key ${nameOf(key)} is written twice: ${counts}`, "remove one of them");
  return { ...found, rule: "DUPLICATE-KEY" };
}

const bareKeyOf = (key: WrittenKey, objects: readonly [InputDocument, ...InputDocument[]]): InputViolation =>
  keyFinding(
    key,
    objects,
    `the key ${nameOf(key)} has no value: in braces a comma ends an entry`,
    `write a colon and a value after it, or put a text with a comma in quotes`,
  );

/** What is found in each YAML document that documents are of. */
const perYaml = (
  documents: readonly InputDocument[],
  find: (yaml: YamlDocument, objects: readonly [InputDocument, ...InputDocument[]]) => readonly InputViolation[],
): readonly InputViolation[] =>
  [...Map.groupBy(documents, ({ source }) => source.yaml)].flatMap(([yaml, [first, ...others]]) =>
    first === undefined ? [] : find(yaml, [first, ...others]),
  );

/** Keys that documents have twice in a mapping: the last counts. */
export const findDuplicateKeys = (documents: readonly InputDocument[]): readonly InputViolation[] =>
  perYaml(
    documents.filter(({ source }) => source.yaml.duplicates.length > 0),
    ({ duplicates }, objects) => duplicates.map((key) => duplicateOf(key, objects)),
  );

/** Keys in braces that have no value, of objects that are read: nothing would be left of them. */
export const findBareKeys = (documents: readonly InputDocument[]): readonly InputViolation[] =>
  perYaml(
    documents.filter((one) => one.source.yaml.bareKeys.length > 0 && (kindOf(one) !== "other" || isOfKubevirt(one))),
    ({ bareKeys }, objects) => bareKeys.map((key) => bareKeyOf(key, objects)),
  );
