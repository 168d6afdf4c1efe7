/** Fields of objects that users of a cluster wrote: of whatever form they are, nothing fails. */
import { isObject } from "@netbind/contract/shape";

export type Value = Readonly<Record<string, unknown>>;

const NONE: Value = {};

export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
export const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);

/** What is at a path; undefined where there is nothing. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let inner = value;
  for (const name of path) inner = isObject(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined;
  return inner;
}

export function objectAt(value: unknown, ...path: readonly string[]): Value {
  const inner = at(value, ...path);
  return isObject(inner) ? inner : NONE;
}

export const textAt = (value: unknown, ...path: readonly string[]): string => textOf(at(value, ...path));
export const numberAt = (value: unknown, ...path: readonly string[]): number => numberOf(at(value, ...path));

/** The objects in a list at a path. */
export function objectsAt(value: unknown, ...path: readonly string[]): readonly Value[] {
  const inner = at(value, ...path);
  return Array.isArray(inner) ? inner.filter(isObject) : [];
}

/** The texts in a list at a path. */
export function textsAt(value: unknown, ...path: readonly string[]): readonly string[] {
  const inner = at(value, ...path);
  return Array.isArray(inner) ? inner.filter((one) => typeof one === "string") : [];
}

/** `namespace/name`, or the name of what is in no namespace. */
export function fullNameOf(object: unknown): string {
  const [namespace, name] = [textAt(object, "metadata", "namespace"), textAt(object, "metadata", "name")];
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** A condition of an object's status. */
export const conditionOf = (object: unknown, type: string): Value | undefined =>
  objectsAt(object, "status", "conditions").find((one) => one["type"] === type);
