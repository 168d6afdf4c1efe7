import {
  type ApiObject,
  type FieldPath,
  type Fields,
  fieldsAt,
  type ManagedFields,
  managersOf,
  type Place,
} from "@netbind/kube";
import { isObject } from "@netbind/contract/shape";

/** Whose fields the controller's are, in the API's list of managers. */
export const FIELD_MANAGER = "netbind-controller";

/** An object that registers bindings, as it was read: a KubeVirt CR, or the HyperConverged CR that it is written from. */
export interface Registry {
  readonly place: Place & { readonly namespace: string; readonly name: string };
  /** The field that maps names to registrations. */
  readonly path: FieldPath;
  readonly object: ApiObject;
}

/** Who has fields of an entry. */
export interface EntryOwners {
  /** The controller's fields; undefined: it has none. */
  readonly own: Fields | undefined;
  readonly others: readonly { readonly manager: string; readonly fields: Fields }[];
}

/** What is at a path of an object; undefined where there is nothing. */
export function valueAt(object: unknown, path: FieldPath): unknown {
  let at = object;
  for (const name of path) at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return at;
}

/** The entries of a registry by name. */
export function entriesOf({ object, path }: Registry): Readonly<Record<string, unknown>> {
  const entries = valueAt(object, path);
  return isObject(entries) ? entries : {};
}

export const isOwn = ({ manager }: ManagedFields): boolean => manager === FIELD_MANAGER;

/** Who has fields of the entry of a name. */
export function ownersOf({ object, path }: Registry, name: string): EntryOwners {
  const all = managersOf(object).flatMap((managed) => {
    const fields = fieldsAt(managed.fieldsV1, [...path, name]);
    return fields === undefined ? [] : [{ manager: managed.manager, fields, isOwn: isOwn(managed) }];
  });
  return { own: all.find((one) => one.isOwn)?.fields, others: all.filter((one) => !one.isOwn) };
}

/** The names of the entries in which the controller has fields. */
export function ownNames({ object, path }: Registry): readonly string[] {
  const fields = managersOf(object)
    .filter(isOwn)
    .flatMap(({ fieldsV1 }) => Object.keys(fieldsAt(fieldsV1, path) ?? {}));
  return [...new Set(fields)].filter((key) => key.startsWith("f:")).map((key) => key.slice(2));
}

/** A registry, for messages: `KubeVirt kubevirt/kubevirt`. */
export const registryName = ({ place: { resource, namespace, name } }: Registry): string =>
  `${resource.kind} ${namespace}/${name}`;
