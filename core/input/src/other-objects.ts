import { defined, type Violation } from "@netbind/contract";
import { MISSING } from "@netbind/contract/shape";
import {
  checkClone,
  checkDataObject,
  checkInstancetype,
  checkMigration,
  checkNad,
  checkObjectName,
  checkPreference,
  type FieldKind,
  findUnknownFields,
  limitRepeated,
} from "@netbind/kubevirt/admission";
import type { NetworkAttachmentDefinition } from "@netbind/kubevirt";
import { checkHeader, isOfKubevirt } from "./check-header.ts";
import { checkCrs } from "./configuring-cr.ts";
import type { InputDocument, InputViolation } from "./documents.ts";
import { type Kind, kindOf, located, objectNameOf, textOf } from "./kinds.ts";

/** An object of the input that names a VM. */
export interface InputObject<T> {
  readonly value: T;
  readonly namespace: string;
  /** Puts a violation of the object where its text is. */
  readonly locate: (found: Violation) => InputViolation;
}

/** The documents of a kind, in their order. */
export type Sorted = (kind: Kind) => readonly InputDocument[];

type Check = (value: unknown) => readonly Violation[];

/** What is wrong with a NetworkAttachmentDefinition: its shape and its name. */
export const checkDefinition = (document: unknown): readonly Violation[] => [
  ...checkNad(document),
  ...checkObjectName(document),
];

/** The objects of a kind that have its shape. */
export const soundOf = <T>(of: Sorted, kind: Kind, check: Check): readonly InputObject<T>[] =>
  of(kind)
    .filter(({ value }) => check(value).length === 0)
    .map((document) => ({
      value: document.value as T,
      namespace: document.namespace,
      locate: (found) => located(document, found),
    }));

/** Definitions of a wrong shape by their names alone: they are in the input, whatever is wrong with them. */
export const unsoundDefinitions = (of: Sorted): readonly NetworkAttachmentDefinition[] =>
  of("nad").flatMap((document) => {
    const { namespace, name } = objectNameOf(document) ?? { namespace: "", name: "" };
    return name === "" || checkDefinition(document.value).length === 0 ? [] : [{ metadata: { namespace, name } }];
  });

const SHAPES = [
  ["nad", checkDefinition],
  ["configMap", checkDataObject],
  ["secret", checkDataObject],
  ["clone", checkClone],
  ["migration", checkMigration],
  ["preference", checkPreference],
  ["instancetype", checkInstancetype],
] as const satisfies readonly (readonly [Kind, Check])[];

/** The kinds, other than VMs, whose fields are known by name, and of which versions of their API. */
const NAMED: Partial<Readonly<Record<Kind, { readonly fields: FieldKind; readonly versions: readonly string[] }>>> = {
  kubevirt: { fields: "kubevirt", versions: ["v1", "v1alpha3"] },
  instancetype: { fields: "instancetype", versions: ["v1beta1"] },
  preference: { fields: "preference", versions: ["v1beta1"] },
  clone: { fields: "clone", versions: ["v1alpha1", "v1beta1"] },
  migration: { fields: "migration", versions: ["v1", "v1alpha3"] },
  migrationPolicy: { fields: "migrationPolicy", versions: ["v1alpha1"] },
  plugin: { fields: "plugin", versions: ["v1alpha1"] },
  nad: { fields: "nad", versions: ["v1"] },
  secret: { fields: "secret", versions: [""] },
  configMap: { fields: "configMap", versions: [""] },
};

const versionOf = ({ value }: InputDocument): string => textOf(value["apiVersion"]).split("/")[1] ?? "";

/** The kind by which an object's fields are known; undefined where they are not. */
function fieldKindOf(document: InputDocument): FieldKind | undefined {
  const named = NAMED[kindOf(document)];
  return named?.versions.includes(versionOf(document)) === true ? named.fields : undefined;
}

/** Fields of objects that are not VMs, which their kinds have not. */
const findUnknown = (document: InputDocument): readonly InputViolation[] => {
  const kind = fieldKindOf(document);
  return kind === undefined ? [] : findUnknownFields(document.value, kind).map((found) => located(document, found));
};

/** What is wrong with an object's shape. What is missing may be what stands there under another name. */
function checkShape(document: InputDocument, check: Check): readonly InputViolation[] {
  const found = check(document.value);
  const isMisspelt = found.some(({ problem }) => problem === MISSING) && findUnknown(document).length > 0;
  return limitRepeated(isMisspelt ? found.filter(({ problem }) => problem !== MISSING) : found, () => "shape").map(
    (one) => located(document, one),
  );
}

/** What is wrong with objects other than VMs: their shapes, their fields, and a CR of the cluster's that is not the only one. */
export const checkOthers = (of: Sorted): readonly InputViolation[] => [
  ...SHAPES.flatMap(([kind, check]) => of(kind).flatMap((document) => checkShape(document, check))),
  ...(Object.keys(NAMED) as Kind[]).flatMap((kind) => of(kind).flatMap(findUnknown)),
  ...checkCrs(of),
];

/** The name of an object in a sentence; one that is not in a namespace has none. */
function titleOf(document: InputDocument): string {
  const { kind, namespace, name } = { kind: "", namespace: "", name: "", ...defined({ ...objectNameOf(document) }) };
  const isOfCluster = kind.includes("Cluster") || kind === "MigrationPolicy" || kind === "Plugin";
  return isOfCluster ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** What is not checked of an object of KubeVirt's other than a VM; undefined where all is that is known of it. */
function whyUnchecked(document: InputDocument): string | undefined {
  const kind = kindOf(document);
  const named = NAMED[kind];
  if (kind !== "other")
    return named === undefined || fieldKindOf(document) !== undefined
      ? undefined
      : `netbind knows the fields of ${named.versions.join(" and ")}, not of ${versionOf(document)}`;
  return isOfKubevirt(document) && checkHeader(document).length === 0
    ? "netbind knows its kind, and reads nothing else of it"
    : undefined;
}

/** What is not checked of objects of KubeVirt's other than VMs. */
export const findUnchecked = (documents: readonly InputDocument[]): readonly string[] =>
  documents.flatMap((document) => {
    const why = whyUnchecked(document);
    return why === undefined ? [] : [`${titleOf(document)}: ${why}`];
  });
