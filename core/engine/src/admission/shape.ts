import { type Violation, violation } from "@netbind/contract";
import { parseQuantity } from "../facts/quantity.ts";

/** The shape of a part of a document: what is read, and of which type. */
export type Shape =
  | { readonly type: "string" | "integer" | "boolean" | "quantity" }
  | { readonly type: "word"; readonly words: readonly string[] }
  | { readonly type: "list"; readonly of: Shape }
  | { readonly type: "map"; readonly of: Shape }
  /** `closed`: a field that is not listed is a mistake. */
  | {
      readonly type: "object";
      readonly closed: boolean;
      readonly fields: Readonly<Record<string, Shape>>;
      readonly required: readonly string[];
    };

export const string: Shape = { type: "string" };
export const integer: Shape = { type: "integer" };
export const boolean: Shape = { type: "boolean" };
export const quantity: Shape = { type: "quantity" };
export const word = (...words: readonly string[]): Shape => ({ type: "word", words });
export const list = (of: Shape): Shape => ({ type: "list", of });
export const map = (of: Shape): Shape => ({ type: "map", of });
export const closed = (fields: Readonly<Record<string, Shape>>, ...required: readonly string[]): Shape => ({
  type: "object",
  closed: true,
  fields,
  required,
});
export const open = (fields: Readonly<Record<string, Shape>>, ...required: readonly string[]): Shape => ({
  type: "object",
  closed: false,
  fields,
  required,
});

/** The number of single-character edits between two words. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, left] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, right] of [...b].entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (left === right ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}

function nearest(word: string, known: readonly string[]): string | undefined {
  const distance = (candidate: string): number => editDistance(word.toLowerCase().slice(0, 64), candidate.toLowerCase());
  return known.map((candidate) => ({ candidate, far: distance(candidate) })).sort((a, b) => a.far - b.far)[0]?.candidate;
}

function unknownField(path: string, key: string, known: readonly string[]): Violation {
  const near = nearest(key, known);
  const fix = near === undefined ? "remove it: this field takes none" : `the nearest known field is "${near}"; known: ${known.join(", ")}`;
  return violation(join(path, key), `there is no field ${JSON.stringify(key)} here`, fix);
}

const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);
const describe = (value: unknown): string =>
  Array.isArray(value) ? "a list" : value === null ? "null" : typeof value === "object" ? "an object" : JSON.stringify(value);

function wrongType(path: string, value: unknown, wanted: string): readonly Violation[] {
  return [violation(path, `${describe(value)} is not ${wanted}`, `write ${wanted}`)];
}

function checkObject(value: object, shape: Shape & { readonly type: "object" }, path: string): readonly Violation[] {
  const known = Object.keys(shape.fields);
  return [
    ...shape.required.flatMap((key) => (Object.hasOwn(value, key) ? [] : [violation(join(path, key), "the field is missing", "add it")])),
    ...Object.entries(value).flatMap(([key, inner]) => {
      const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
      if (field === undefined) return shape.closed ? [unknownField(path, key, known)] : [];
      // A null is no value, as for the API server.
      return inner === null ? [] : check(inner, field, join(path, key));
    }),
  ];
}

/** All that is wrong with a value's shape: types, missing fields, and unknown ones where none may be. */
export function check(value: unknown, shape: Shape, path: string): readonly Violation[] {
  switch (shape.type) {
    case "string":
      return typeof value === "string" ? [] : wrongType(path, value, "a text (in quotes where it looks like something else)");
    case "boolean":
      return typeof value === "boolean" ? [] : wrongType(path, value, "true or false");
    case "integer":
      return Number.isInteger(value) ? [] : wrongType(path, value, "a whole number");
    case "quantity":
      return (typeof value === "number" || typeof value === "string") && parseQuantity(String(value)) !== undefined
        ? []
        : wrongType(path, value, "a quantity such as 64Mi");
    case "word":
      return typeof value === "string" && shape.words.includes(value) ? [] : wrongType(path, value, `one of ${shape.words.join(", ")}`);
    case "list":
      if (!Array.isArray(value)) return wrongType(path, value, "a list");
      return value.flatMap((inner, at) => check(inner, shape.of, `${path}[${at}]`));
    case "map":
    case "object":
      if (value === null || typeof value !== "object" || Array.isArray(value)) return wrongType(path, value, "an object");
      if (shape.type === "object") return checkObject(value, shape, path);
      return Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : check(inner, shape.of, join(path, key))));
    default:
      return shape satisfies never;
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value);

/** A value without the parts whose type is wrong, so that it can be read: undefined where the whole is. */
export function soundPart(value: unknown, shape: Shape): unknown {
  if (shape.type === "list") {
    return Array.isArray(value) ? value.map((inner) => soundPart(inner, shape.of)).filter((inner) => inner !== undefined) : undefined;
  }
  if (shape.type !== "map" && shape.type !== "object") return check(value, shape, "").length === 0 ? value : undefined;
  if (!isObject(value)) return undefined;
  const part = ([key, inner]: readonly [string, unknown]): readonly [string, unknown] => {
    if (shape.type === "map") return [key, soundPart(inner, shape.of)];
    const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    return [key, field === undefined ? inner : soundPart(inner, field)];
  };
  return Object.fromEntries(
    Object.entries(value)
      .map(part)
      .filter(([, inner]) => inner !== undefined),
  );
}
