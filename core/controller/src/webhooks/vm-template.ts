import { isObject } from "@netbind/contract/shape";
import type { AdmissionRequest } from "./admission-review.ts";

type Value = Readonly<Record<string, unknown>>;

/** Where an object of a kind has the spec of VMs: the way to what has `metadata` and `spec`. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  VirtualMachineInstance: [],
  VirtualMachine: ["spec", "template"],
  VirtualMachineInstanceReplicaSet: ["spec", "template"],
  VirtualMachinePool: ["spec", "virtualMachineTemplate", "spec", "template"],
};

/** What an object makes VMs of. */
export interface VmTemplate {
  /** What has `metadata` and `spec`. */
  readonly template: Value;
  /** The spec of VMs; its shape is not checked. */
  readonly spec: Value;
  /** What is stored in the spec's place, of an update. */
  readonly stored: Value | undefined;
  /** The spec of the VirtualMachine that it is in; undefined: it is in none. */
  readonly vmSpec: Value | undefined;
  /** The way from the object to the template. */
  readonly path: readonly string[];
}

function at(object: Value | undefined, path: readonly string[]): Value | undefined {
  let value: unknown = object;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return isObject(value) ? value : undefined;
}

/** What a request's object makes VMs of; undefined where it makes none. */
export function vmTemplateOf({ kind, object, oldObject }: AdmissionRequest): VmTemplate | undefined {
  const path = TEMPLATES[kind];
  const template = path === undefined ? undefined : at(object, path);
  const spec = at(template, ["spec"]);
  if (path === undefined || template === undefined || spec === undefined) return undefined;
  const vmSpec = path.length === 0 ? undefined : at(object, path.slice(0, -1));
  return { template, spec, stored: at(oldObject, [...path, "spec"]), vmSpec, path };
}

/** A path as people read it, in front of a field. */
export const fieldPrefix = (path: readonly string[]): string => path.map((name) => `${name}.`).join("");

/** The JSON pointer of steps. */
export const pointer = (...steps: readonly (string | number)[]): string =>
  steps.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
