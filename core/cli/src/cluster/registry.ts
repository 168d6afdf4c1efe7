import { fieldsAt, managersOf } from "@netbind/kube";
import type { KubevirtConfiguration } from "@netbind/kubevirt";
import type { ClusterObject } from "@netbind/view";
import type { ApiObject, Resource } from "@netbind/kube";
import { at, objectAt, objectsAt, textAt, type Value } from "./fields.ts";
import { objectOf } from "./found.ts";
import { HYPERCONVERGEDS } from "./resources.ts";

/** An object that registers bindings, and the field that does. */
export interface Registry {
  readonly object: ClusterObject;
  readonly path: readonly string[];
  readonly entries: Value;
  /** Whose fields an entry is, by the names of field managers. */
  ownersOf(name: string): readonly string[];
}

const KUBEVIRT_PATH = ["spec", "configuration", "network", "binding"];
const HYPERCONVERGED = "HyperConverged";

function registryOf(kind: string, object: ApiObject, path: readonly string[]): Registry {
  const managers = managersOf(object);
  return {
    object: objectOf(kind, object),
    path,
    entries: objectAt(object, ...path),
    ownersOf: (name) => [
      ...new Set(
        managers
          .filter(({ fieldsV1 }) => fieldsAt(fieldsV1, [...path, name]) !== undefined)
          .map(({ manager }) => manager),
      ),
    ],
  };
}

export const kubevirtRegistry = (object: ApiObject): Registry => registryOf("KubeVirt", object, KUBEVIRT_PATH);

export const hyperConvergedRegistry = (object: ApiObject, { version }: Resource): Registry =>
  registryOf(
    HYPERCONVERGED,
    object,
    version === "v1" ? ["spec", "networking", "networkBinding"] : ["spec", "networkBinding"],
  );

/** The HyperConverged CR that writes a KubeVirt CR, by its owner references; undefined where none does. */
export function ownerOf(kubevirt: ApiObject): { readonly resource: Resource; readonly name: string } | undefined {
  const owner = objectsAt(kubevirt, "metadata", "ownerReferences").find(
    (one) => one["kind"] === HYPERCONVERGED && textAt(one, "apiVersion").startsWith(`${HYPERCONVERGEDS.group}/`),
  );
  if (owner === undefined) return undefined;
  const version = textAt(owner, "apiVersion").slice(HYPERCONVERGEDS.group.length + 1);
  return { resource: { ...HYPERCONVERGEDS, version }, name: textAt(owner, "name") };
}

/** `spec.configuration` of a KubeVirt CR: what the API server holds to KubeVirt's schema. */
export const configurationOf = (kubevirt: ApiObject): KubevirtConfiguration =>
  objectAt(kubevirt, "spec", "configuration") as KubevirtConfiguration;

/** Where a binding is to be registered, in a sentence. */
export const placeOf = ({ object: { kind, namespace, name }, path }: Registry, binding: string): string =>
  `${[...path, binding].join(".")} of ${kind} ${namespace}/${name}`;

export const versionOf = (kubevirt: ApiObject): string => textAt(kubevirt, "status", "observedKubeVirtVersion");

/** An entry of a registry as an object. */
export const entryOf = ({ entries }: Registry, name: string): Value | undefined => {
  const entry = at(entries, name);
  return entry === undefined ? undefined : objectAt(entry);
};
