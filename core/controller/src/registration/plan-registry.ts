import {
  type FieldPath,
  type Fields,
  fieldsAt,
  leavesOf,
  managersOf,
  mergePatch,
  typeOf,
  withoutField,
} from "@netbind/kube";
import { isObject } from "@netbind/contract/shape";
import { type BindingRegistration, sameValue } from "@netbind/kubevirt";
import { entriesOf, type EntryOwners, isOwn, ownersOf, ownNames, type Registry, valueAt } from "./registry.ts";

/** What is to be of an entry: this registration, or what the controller has written there before. */
export type Desired = BindingRegistration | "kept";

/** The next change of a registry. */
export type RegistryChange =
  /** A JSON merge patch that undoes what the controller wrote, and nothing else. */
  | { readonly kind: "withdraw"; readonly body: object }
  /** For server-side apply: all that the controller has there. */
  | { readonly kind: "apply"; readonly body: object };

type Value = Readonly<Record<string, unknown>>;

/** An object of one field in another. */
const nested = (path: FieldPath, value: unknown): Value =>
  path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Value;

/** A value without what does not pass, and without the objects that are empty by that. */
function filtered(value: unknown, isKept: (path: FieldPath) => boolean, path: FieldPath = []): unknown {
  if (!isObject(value) || Object.keys(value).length === 0) return isKept(path) ? value : undefined;
  const inner = Object.entries(value).map(([name, one]) => [name, filtered(one, isKept, [...path, name])] as const);
  const left = inner.filter(([, one]) => one !== undefined);
  return left.length === 0 && path.length > 0 ? undefined : Object.fromEntries(left);
}

const hasLeaf = (fields: Fields | undefined, path: FieldPath): boolean => {
  const found = fields === undefined ? undefined : fieldsAt(fields, path);
  return found !== undefined && leavesOf(found).length === 0;
};

/** What is applied of a registration: what another has given another value is its own. */
function appliedOf(registration: unknown, current: unknown, { others }: EntryOwners): unknown {
  const isAnothers = (path: FieldPath): boolean =>
    others.some(({ fields }) => hasLeaf(fields, path)) &&
    !sameValue(valueAt(registration, path), valueAt(current, path));
  return filtered(registration, (path) => !isAnothers(path));
}

/** True for an entry that was there before the controller came: it is its author's as a whole. */
export const isForeign = (registry: Registry, name: string): boolean =>
  Object.hasOwn(entriesOf(registry), name) && ownersOf(registry, name).own === undefined;

/** All that the controller is to have in a registry, by name. */
function appliedEntries(registry: Registry, desired: ReadonlyMap<string, Desired>): Value {
  const entries = entriesOf(registry);
  const applied = [...desired].flatMap(([name, one]): readonly (readonly [string, unknown])[] => {
    const owners = ownersOf(registry, name);
    if (one !== "kept") return isForeign(registry, name) ? [] : [[name, appliedOf(one, entries[name], owners)]];
    return owners.own === undefined ? [] : [[name, filtered(entries[name], (path) => hasLeaf(owners.own, path))]];
  });
  return Object.fromEntries(applied);
}

/** True where the controller has exactly these fields of an entry, with these values. */
function isApplied(registry: Registry, name: string, applied: unknown): boolean {
  const { own } = ownersOf(registry, name);
  const current = entriesOf(registry)[name];
  return (
    own !== undefined &&
    sameValue(
      filtered(current, (path) => hasLeaf(own, path)),
      applied,
    )
  );
}

/** The registry's object without what the controller alone has in an entry. */
function withoutOwn(spec: unknown, registry: Registry, name: string): unknown {
  const { own, others } = ownersOf(registry, name);
  const entry = [...registry.path.slice(1), name];
  const isOthers = (path: FieldPath): boolean => others.some(({ fields }) => fieldsAt(fields, path) !== undefined);
  const isKept = (path: FieldPath): boolean => !hasLeaf(own, path) || isOthers(path);
  const isWhole = others.length === 0;
  return replaced(spec, entry, (value) => (isWhole ? undefined : filtered(value, isKept)));
}

/** A value with another one at a path, or without it where it becomes undefined. */
function replaced(value: unknown, [name, ...rest]: FieldPath, by: (value: unknown) => unknown): unknown {
  if (name === undefined) return by(value);
  if (!isObject(value) || !Object.hasOwn(value, name)) return value;
  const { [name]: old, ...others } = value;
  const one = replaced(old, rest, by);
  return one === undefined ? others : { ...others, [name]: one };
}

/** Without the objects on the way to the entries that are empty now, where no other manager has them. */
function withoutEmpty(spec: unknown, { object, path }: Registry): unknown {
  const others = managersOf(object).filter((managed) => !isOwn(managed));
  const isAnothers = (at: FieldPath): boolean => others.some(({ fieldsV1 }) => fieldsAt(fieldsV1, at) !== undefined);
  const isEmpty = (value: unknown): boolean => isObject(value) && Object.keys(value).length === 0;
  // Not spec itself: objects of these kinds have to have one.
  return path.slice(1).reduceRight((left, _, at) => {
    const way = path.slice(0, at + 2);
    return isAnothers(way) ? left : replaced(left, way.slice(1), (value) => (isEmpty(value) ? undefined : value));
  }, spec);
}

/** The list of managers without the controller's part of entries: what it does not have, its next apply does not remove. */
function managersWithout({ object, path }: Registry, names: readonly string[]): readonly unknown[] {
  const all = object.metadata["managedFields"];
  return (Array.isArray(all) ? all : []).flatMap((managed) => {
    if (!managersOf(object).includes(managed) || !isOwn(managed)) return [managed];
    const fieldsV1 = names.reduce((fields, name) => withoutField(fields, [...path, name]), managed.fieldsV1);
    return Object.keys(fieldsV1).length === 0 ? [] : [{ ...managed, fieldsV1 }];
  });
}

/**
 * What undoes entries. Server-side apply would not do: it removes with an entry that it has made what others changed in it,
 * and fails where an object that others have becomes empty.
 */
function withdrawal(registry: Registry, names: readonly string[]): object {
  const { resourceVersion } = registry.object.metadata;
  const spec = registry.object["spec"];
  const without = names.reduce((left, name) => withoutOwn(left, registry, name), spec);
  const after = withoutEmpty(without, registry);
  const patch = isObject(spec) && isObject(after) ? mergePatch(spec, after) : {};
  return { metadata: { resourceVersion, managedFields: managersWithout(registry, names) }, spec: patch };
}

/** Plans a registry's next change; undefined where it is as it is to be. What the controller has beside `desired` it undoes. */
export function planRegistry(registry: Registry, desired: ReadonlyMap<string, Desired>): RegistryChange | undefined {
  const undone = ownNames(registry).filter((name) => !desired.has(name));
  if (undone.length > 0) return { kind: "withdraw", body: withdrawal(registry, undone) };
  const applied = appliedEntries(registry, desired);
  if (Object.entries(applied).every(([name, entry]) => isApplied(registry, name, entry))) return undefined;
  const { resource, namespace, name } = registry.place;
  const { uid, resourceVersion } = registry.object.metadata;
  const metadata = { namespace, name, uid, resourceVersion };
  return { kind: "apply", body: { ...typeOf(resource), metadata, ...nested(registry.path, applied) } };
}
