import { isObject } from "@netbind/contract/shape";

/**
 * Fields in the API's own form (FieldsV1): `f:NAME` for a field of an object, with its own fields; `.` for the object
 * itself. What is in lists is not looked at.
 */
export type Fields = Readonly<Record<string, unknown>>;

/** The names on the way to a field. */
export type FieldPath = readonly string[];

/** A manager of fields, as `metadata.managedFields` lists it. */
export interface ManagedFields {
  readonly manager: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1: Fields;
}

const PREFIX = "f:";

const isManaged = (value: unknown): value is ManagedFields =>
  isObject(value) && typeof value["manager"] === "string" && isObject(value["fieldsV1"]);

/** The managers of an object's fields, but for those of its status. */
export function managersOf({ metadata }: { readonly metadata: Fields }): readonly ManagedFields[] {
  const all = metadata["managedFields"];
  return Array.isArray(all) ? all.filter(isManaged).filter(({ subresource }) => (subresource ?? "") === "") : [];
}

/** What a manager has of a field: its fields in it, an empty object where it is the field itself. */
export function fieldsAt(fields: Fields, path: FieldPath): Fields | undefined {
  let at: unknown = fields;
  for (const name of path) at = isObject(at) ? at[PREFIX + name] : undefined;
  return isObject(at) ? at : undefined;
}

/** The fields without others in them, as paths: of an object that is managed in whole, those in it. */
export function leavesOf(fields: Fields, path: FieldPath = []): readonly FieldPath[] {
  const inner = Object.entries(fields).filter(([key]) => key.startsWith(PREFIX));
  if (inner.length === 0) return path.length === 0 ? [] : [path];
  return inner.flatMap(([key, value]) => leavesOf(isObject(value) ? value : {}, [...path, key.slice(PREFIX.length)]));
}

/** The fields without those of a path, and without what is empty by that. */
export function withoutField(fields: Fields, [name, ...rest]: FieldPath): Fields {
  const key = `${PREFIX}${name}`;
  const inner = fields[key];
  if (!isObject(inner)) return fields;
  const { [key]: _, ...others } = fields;
  if (rest.length === 0) return others;
  const left = withoutField(inner, rest);
  return Object.keys(left).length === 0 ? others : { ...others, [key]: left };
}
