import type { YamlPath } from "./yaml-positions.ts";

/** What a document may still hold. */
export interface Budget {
  left: number;
}

/** What is written at a path of a document. */
export interface Written {
  readonly path: YamlPath;
  readonly value: unknown;
}

/** A list of objects, of whatever kind they are. */
interface ListOfObjects {
  readonly apiVersion?: unknown;
  readonly kind: string;
  readonly items: readonly unknown[];
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const isListOfObjects = (value: unknown): value is ListOfObjects =>
  isObject(value) &&
  "kind" in value &&
  typeof value.kind === "string" &&
  value.kind.endsWith("List") &&
  "items" in value &&
  Array.isArray(value.items);

/** An item with its kind: one that names none is of that of its list, as for kubectl. */
function withKind(item: unknown, { kind, apiVersion }: ListOfObjects): unknown {
  const own = kind.slice(0, -"List".length);
  if (!isObject(item) || Array.isArray(item) || own === "" || "kind" in item || "apiVersion" in item) return item;
  return { apiVersion, kind: own, ...item };
}

/** The objects of a value: itself, or those of a List, and of the Lists in it. @throws Error where aliases make too many of it */
export function itemsOf(value: unknown, path: YamlPath, budget: Budget): readonly Written[] {
  if (--budget.left < 0) throw new Error("its aliases repeat too much");
  if (!isListOfObjects(value)) return [{ path, value }];
  return value.items.flatMap((item, index) => itemsOf(withKind(item, value), [...path, "items", index], budget));
}
