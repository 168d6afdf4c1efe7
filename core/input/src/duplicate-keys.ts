import { violation } from "@netbind/contract";
import type { InputDocument, InputViolation } from "./documents.ts";
import { located } from "./kinds.ts";
import type { DuplicateKey } from "./written-text.ts";
import type { YamlPath } from "./yaml-positions.ts";

/** A path as messages write it: `spec.networks[0].pod`. */
const fieldOf = (path: YamlPath): string =>
  path.reduce<string>(
    (field, step) => (typeof step === "number" ? `${field}[${step}]` : field === "" ? step : `${field}.${step}`),
    "",
  );

/** What is said of a key that is written twice, of the object that it is in; of a List itself, of its first one. */
function duplicateOf(
  { path, place, before }: DuplicateKey,
  objects: readonly [InputDocument, ...InputDocument[]],
): InputViolation {
  const owner = objects.find(({ source }) => source.path.every((step, at) => step === path[at]));
  const key = JSON.stringify(path.at(-1));
  const found = violation(
    fieldOf(path.slice(owner?.source.path.length ?? 0)),
    `the key ${key} is written twice: the value in line ${place.line} counts, not the one in line ${before}`,
    "remove one of them",
  );
  const { file } = objects[0];
  return { ...(owner === undefined ? found : located(owner, found)), rule: "DUPLICATE-KEY", file, ...place };
}

/** Keys that documents have twice in a mapping: the last counts. */
export const findDuplicateKeys = (documents: readonly InputDocument[]): readonly InputViolation[] =>
  [
    ...Map.groupBy(
      documents.filter(({ source }) => source.yaml.duplicates.length > 0),
      ({ source }) => source.yaml,
    ),
  ].flatMap(([{ duplicates }, [first, ...others]]) =>
    first === undefined ? [] : duplicates.map((one) => duplicateOf(one, [first, ...others])),
  );
