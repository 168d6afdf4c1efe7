import { fieldsAt, type FieldPath } from "@netbind/kube";
import { isObject } from "@netbind/contract/shape";
import { type BindingRegistration, sameValue } from "@netbind/kubevirt";
import { isFalse, isTrue, type Verdict } from "../status/conditions.ts";
import { isForeign } from "./plan-registry.ts";
import { entriesOf, ownersOf, type Registry, registryName, valueAt } from "./registry.ts";

/** The first field in which two values differ. */
function differingField(a: unknown, b: unknown, path: FieldPath = []): FieldPath {
  if (!isObject(a) || !isObject(b)) return path;
  const name = [...Object.keys(a), ...Object.keys(b)].find((one) => !sameValue(a[one], b[one]));
  return name === undefined ? path : differingField(a[name], b[name], [...path, name]);
}

/** The managers of a field of an entry, as a sentence begins with them. */
function ownersAt(registry: Registry, name: string, field: FieldPath): string {
  const { others } = ownersOf(registry, name);
  const having = others.filter(({ fields }) => fieldsAt(fields, field) !== undefined);
  const managers = [...new Set((having.length > 0 ? having : others).map(({ manager }) => JSON.stringify(manager)))];
  return managers.length === 0 ? "an unknown manager" : managers.join(" and ");
}

function judgeForeign(registry: Registry, name: string, desired: BindingRegistration): Verdict {
  const current = entriesOf(registry)[name];
  const where = `${[...registry.path, name].join(".")} of ${registryName(registry)}`;
  if (sameValue(current, desired)) {
    const said = `${ownersAt(registry, name, [])} registered the same as ${where}: it is left alone`;
    return isTrue("RegisteredByOther", said);
  }
  return judgeDifference(registry, name, desired);
}

/** What is said of an entry in which another has another value. */
function judgeDifference(registry: Registry, name: string, desired: BindingRegistration): Verdict {
  const current = entriesOf(registry)[name];
  const field = differingField(current, desired);
  const [theirs, ours] = [valueAt(current, field), valueAt(desired, field)].map((value) => JSON.stringify(value));
  const where = `${[...registry.path, name, ...field].join(".")} of ${registryName(registry)}`;
  const difference = `${theirs ?? "nothing"} where this binding has ${ours ?? "nothing"}`;
  const owner = ownersAt(registry, name, field);
  const said = `${owner} owns ${where}: ${difference}; it is left alone: remove it there, or change this spec`;
  return isFalse("OwnedByOther", said);
}

/**
 * Judges what a registry has of a binding once it was written.
 *
 * @param kubevirt  what KubeVirt itself reads: another one than `registry` where an operator copies from that
 */
export function judgeEntry(
  name: string,
  desired: BindingRegistration,
  registry: Registry,
  kubevirt: Registry | undefined,
): Verdict {
  if (isForeign(registry, name)) return judgeForeign(registry, name, desired);
  if (!sameValue(entriesOf(registry)[name], desired)) return judgeDifference(registry, name, desired);
  const where = `${[...registry.path, name].join(".")} of ${registryName(registry)}`;
  const isCopied = kubevirt !== undefined && kubevirt.place.resource.kind !== registry.place.resource.kind;
  if (!isCopied || sameValue(entriesOf(kubevirt)[name], desired)) return isTrue("Written", `written as ${where}`);
  const said = `written as ${where}, whose operator has not copied it into ${registryName(kubevirt)} yet`;
  return isFalse("NotPropagated", said);
}
