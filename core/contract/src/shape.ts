/**
 * Shapes of data as data: what a value must be, and all that is wrong with one, by field path. What a binding returns and
 * what a document says are checked by the same words.
 *
 * @packageDocumentation
 */
import { type Violation, violation } from "./violation.ts";

/** An object whose fields are known. `closed`: a field that is not listed is a mistake. */
export interface ObjectShape {
  readonly type: "object";
  readonly closed: boolean;
  readonly fields: Readonly<Record<string, Shape>>;
  readonly required: readonly string[];
}

/** An object whose keys are data: `keys` says which. */
interface MapShape {
  readonly type: "map";
  readonly of: Shape;
  readonly keys: Shape;
}

/** The shape of a value: what is read, and of which type. */
export type Shape =
  | { readonly type: "string" | "integer" | "boolean" }
  /** Anything for which `is` holds; `wanted` says what that is. */
  | { readonly type: "form"; readonly is: (value: unknown) => boolean; readonly expected: string }
  | { readonly type: "word"; readonly words: readonly string[] }
  | { readonly type: "list"; readonly of: Shape }
  | MapShape
  /** An object of which the field `kind` says which one it is. */
  | { readonly type: "variants"; readonly of: Readonly<Record<string, ObjectShape>> }
  | ObjectShape;

export const string: Shape = { type: "string" };
export const integer: Shape = { type: "integer" };
export const boolean: Shape = { type: "boolean" };
export const word = (...words: readonly string[]): Shape => ({ type: "word", words });
export const list = (of: Shape): Shape => ({ type: "list", of });
export const map = (of: Shape, keys: Shape = string): Shape => ({ type: "map", of, keys });
export const form = (expected: string, is: (value: unknown) => boolean): Shape => ({ type: "form", expected, is });
export const closed = (fields: Readonly<Record<string, Shape>>, ...required: readonly string[]): ObjectShape => ({
  type: "object",
  closed: true,
  fields,
  required,
});
export const open = (fields: Readonly<Record<string, Shape>>, ...required: readonly string[]): ObjectShape => ({
  ...closed(fields, ...required),
  closed: false,
});

/** A field that may be left out. */
export interface OptionalShape {
  readonly optional: Shape;
}
export const optional = (shape: Shape): OptionalShape => ({ optional: shape });

/** The fields of a type, each with its shape: one that the type may lack is optional here too. */
type FieldsOf<T> = { readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? OptionalShape : Shape };

/** The closed shape of a type of the contract; the compiler sees that both have the same fields. */
export function record<T>(fields: FieldsOf<T>): ObjectShape {
  const all = Object.entries(fields as Readonly<Record<string, Shape | OptionalShape>>);
  const shapes = all.map(([name, shape]) => [name, "optional" in shape ? shape.optional : shape] as const);
  const required = all.filter(([, shape]) => !("optional" in shape)).map(([name]) => name);
  return closed(Object.fromEntries(shapes), ...required);
}

/** The shape of a union of types of the contract that differ by their `kind`. */
export const variants = <T extends { readonly kind: string }>(
  of: {
    readonly [K in T["kind"]]: FieldsOf<Omit<Extract<T, { readonly kind: K }>, "kind">>;
  },
): Shape => ({
  type: "variants",
  of: Object.fromEntries(
    Object.entries(of).map(([kind, fields]) => {
      const { fields: own, required } = record(fields as FieldsOf<object>);
      return [kind, closed({ kind: word(kind), ...own }, ...required)];
    }),
  ),
});

/** What is said of a field that must be there. */
export const MISSING = "the field is missing";

/** Stands for a part of a value that cannot be read, and says why. */
export class Unreadable {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/** The number of single-character edits between two words; two neighbors that changed places are one. */
export function editDistance(a: string, b: string): number {
  let [before, row]: [readonly number[], readonly number[]] = [[], Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const isSwapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j];
      const swapped = isSwapped ? (before[j - 1] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      const changed = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, changed, swapped));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}

/** The fewest letters of a word that a longer name is looked for with. */
const SHORTEST_PART = 3;
const MOST_NEAREST = 3;

/** The names that a word is a part of, such as `mac` of `macAddress`; none where it is of none or of many. */
function namesWith(word: string, known: readonly string[]): readonly string[] {
  const names = known.filter((name) => name.toLowerCase().includes(word.toLowerCase()));
  return word.length < SHORTEST_PART || names.length > MOST_NEAREST ? [] : names;
}

/** The names that a word may be meant for, and whether it is no more than a slip. */
function meantBy(
  word: string,
  known: readonly string[],
): { readonly names: readonly string[]; readonly isSure: boolean } {
  const distance = (name: string): number => editDistance(word.toLowerCase().slice(0, 64), name.toLowerCase());
  const [near] = known.map((name) => ({ name, far: distance(name) })).sort((a, b) => a.far - b.far);
  if (near === undefined) return { names: [], isSure: true };
  if (near.far <= Math.max(1, Math.floor(near.name.length / 3))) return { names: [near.name], isSure: true };
  const names = namesWith(word, known);
  return names.length > 0 ? { names, isSure: true } : { names: [near.name], isSure: false };
}

/** What is wrong with a field that is not known where it stands. */
export const unknownFieldProblem = (name: string): string => `unknown field ${JSON.stringify(name)}`;

function unknownField(path: string, key: string, known: readonly string[]): Violation {
  const { names, isSure } = meantBy(key, known);
  const quoted = names.map((name) => `"${name}"`).join(", ");
  const nearest = `the nearest known field${names.length > 1 ? "s are" : " is"} ${quoted}`;
  // A slip of a few letters needs no list of all that it could have been.
  const all = isSure ? "" : `; known: ${known.join(", ")}`;
  const fix = names.length === 0 ? "remove it: no field is known here" : `${nearest}${all}`;
  return violation(join(path, key), unknownFieldProblem(key), fix);
}

const MOST_QUOTED = 80;

const join = (path: string, key: string): string => {
  const short = key.length > MOST_QUOTED ? `${key.slice(0, MOST_QUOTED)}...` : key;
  return path === "" ? short : `${path}.${short}`;
};

/** True for an object that is only its fields: no class is behind it. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // One of another realm has another prototype, whose own is none all the same.
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A value in a few words. */
export function quote(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (isPlainObject(value)) return "an object";
  switch (typeof value) {
    case "object":
      return value === null ? "null" : `an instance of ${value.constructor?.name || "a class"}`;
    case "string":
      return JSON.stringify(value.length > MOST_QUOTED ? `${value.slice(0, MOST_QUOTED)}...` : value);
    case "function":
      return "a function";
    default:
      return String(value);
  }
}

function wrongType(path: string, value: unknown, expected: string, more = ""): readonly Violation[] {
  return [violation(path, `${quote(value)} is not ${expected}`, `write ${expected}${more}`)];
}

const NONE: readonly Violation[] = [];

// A file may have thousands of objects, nearly all of them right: nothing is made for those.
function withFound(all: Violation[] | undefined, found: readonly Violation[]): Violation[] | undefined {
  if (found.length === 0) return all;
  const list = all ?? [];
  for (const one of found) list.push(one);
  return list;
}

/** True where a field is there under a name that is found to be unknown: one mistake is reported once. */
function isMisspelt(key: string, value: object, { closed, fields }: ObjectShape): boolean {
  const known = Object.keys(fields);
  return (
    closed &&
    Object.keys(value).some((name) => !Object.hasOwn(fields, name) && meantBy(name, known).names.includes(key))
  );
}

function checkObject(value: object, shape: ObjectShape, path: string): readonly Violation[] {
  let all: Violation[] | undefined;
  for (const key of shape.required)
    if (!Object.hasOwn(value, key) && !isMisspelt(key, value, shape))
      all = withFound(all, [violation(join(path, key), MISSING, "add it")]);
  for (const key of Object.keys(value))
    all = withFound(all, checkField((value as Readonly<Record<string, unknown>>)[key], key, shape, path));
  return all ?? NONE;
}

function checkField(inner: unknown, key: string, shape: ObjectShape, path: string): readonly Violation[] {
  const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
  if (field === undefined) return shape.closed ? [unknownField(path, key, Object.keys(shape.fields))] : NONE;
  // A null counts as absent, as for the API server. Most fields are right scalars, whose path nobody needs.
  return inner === null || isSoundScalar(inner, field) ? NONE : check(inner, field, join(path, key));
}

function checkItems(list: readonly unknown[], of: Shape, path: string): readonly Violation[] {
  let all: Violation[] | undefined;
  for (let at = 0; at < list.length; at++) all = withFound(all, check(list[at], of, `${path}[${at}]`));
  return all ?? NONE;
}

function checkEntries(value: object, { keys, of }: MapShape, path: string): readonly Violation[] {
  let all: Violation[] | undefined;
  for (const [key, inner] of Object.entries(value)) {
    const at = join(path, key);
    all = withFound(all, check(key, keys, at));
    if (inner !== null) all = withFound(all, check(inner, of, at));
  }
  return all ?? NONE;
}

function checkVariant(value: object, of: Readonly<Record<string, ObjectShape>>, path: string): readonly Violation[] {
  const kind = "kind" in value ? value.kind : undefined;
  if (kind === undefined) return [violation(join(path, "kind"), MISSING, `write one of ${Object.keys(of).join(", ")}`)];
  const shape = typeof kind === "string" && Object.hasOwn(of, kind) ? of[kind] : undefined;
  return shape === undefined
    ? wrongType(join(path, "kind"), kind, `one of ${Object.keys(of).join(", ")}`)
    : checkObject(value, shape, path);
}

/** True for a value that is what the shape of a scalar says. */
function isSoundScalar(value: unknown, shape: Shape): boolean {
  switch (shape.type) {
    case "string":
    case "boolean":
      return typeof value === shape.type;
    case "integer":
      return Number.isInteger(value);
    case "word":
      return typeof value === "string" && shape.words.includes(value);
    default:
      return false;
  }
}

/** All that is wrong with a value's shape: types, missing fields, and unknown ones where none may be. */
export function check(value: unknown, shape: Shape, path: string): readonly Violation[] {
  if (isSoundScalar(value, shape)) return NONE;
  if (value instanceof Unreadable) return [violation(path, value.why, "write plain data")];
  switch (shape.type) {
    case "string":
      return wrongType(path, value, "a string", " (in quotes where it looks like something else)");
    case "boolean":
      return wrongType(path, value, "true or false");
    case "integer":
      return wrongType(path, value, "a whole number");
    case "form":
      return shape.is(value) ? NONE : wrongType(path, value, shape.expected);
    case "word":
      return wrongType(path, value, `one of ${shape.words.join(", ")}`);
    case "list":
      return Array.isArray(value) ? checkItems(value, shape.of, path) : wrongType(path, value, "a list");
    case "map":
    case "variants":
    case "object":
      if (!isPlainObject(value)) return wrongType(path, value, "an object");
      if (shape.type === "object") return checkObject(value, shape, path);
      if (shape.type === "variants") return checkVariant(value, shape.of, path);
      return checkEntries(value, shape, path);
    default:
      return shape satisfies never;
  }
}
