import { type Violation, violation } from "@netbind/contract";
import { editDistance } from "@netbind/contract/shape";
import type { InputDocument } from "./documents.ts";
import { textOf } from "./kinds.ts";

/** Headers that people write, and the ones that are meant. */
const SHORTHANDS: Readonly<Record<string, string>> = {
  VM: "kind: VirtualMachineInstance",
  VMI: "kind: VirtualMachineInstance",
  Vm: "kind: VirtualMachine",
  Kubevirt: "kind: KubeVirt",
  Kubvirt: "kind: KubeVirt",
};

/** The kinds of KubeVirt's API groups that people write. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  "kubevirt.io": [
    "VirtualMachine",
    "VirtualMachineInstance",
    "VirtualMachineInstanceReplicaSet",
    "VirtualMachineInstanceMigration",
    "VirtualMachineInstancePreset",
    "KubeVirt",
  ],
  "pool.kubevirt.io": ["VirtualMachinePool"],
  "clone.kubevirt.io": ["VirtualMachineClone"],
  "snapshot.kubevirt.io": ["VirtualMachineSnapshot", "VirtualMachineSnapshotContent", "VirtualMachineRestore"],
  "export.kubevirt.io": ["VirtualMachineExport"],
  "migrations.kubevirt.io": ["MigrationPolicy"],
  "plugin.kubevirt.io": ["Plugin"],
  "instancetype.kubevirt.io": [
    "VirtualMachinePreference",
    "VirtualMachineClusterPreference",
    "VirtualMachineInstancetype",
    "VirtualMachineClusterInstancetype",
  ],
  "hco.kubevirt.io": ["HyperConverged"],
};

/** True for a kind that KubeVirt has, whatever else has one of that name. */
export const isKubevirtKind = (kind: string): boolean => Object.values(KINDS).some((kinds) => kinds.includes(kind));

/** True for the header of an object of KubeVirt's. */
export function isOfKubevirt({ value }: InputDocument): boolean {
  const [group = ""] = textOf(value["apiVersion"]).split("/");
  return Object.hasOwn(KINDS, group) && (KINDS[group] ?? []).includes(textOf(value["kind"]));
}

const LONGEST_NAME = 64;
const quoted = (name: string): string => JSON.stringify(name.slice(0, LONGEST_NAME));
const isNear = (name: string, known: string): boolean =>
  name.length <= LONGEST_NAME && editDistance(name.toLowerCase(), known.toLowerCase()) <= 3;

/** The group of another product, which may have kinds of the same names. */
function isOfAnotherProduct(apiVersion: unknown): boolean {
  const [group = "", version] = textOf(apiVersion).split("/");
  return (
    version !== undefined && group.includes(".") && !group.endsWith(".kubevirt.io") && !isNear(group, "kubevirt.io")
  );
}

/** The group that has a kind. */
const groupOf = (kind: string): string | undefined =>
  Object.entries(KINDS).find(([, kinds]) => kinds.includes(kind))?.[0];

/** A kind of KubeVirt's in a group that is nearly one of KubeVirt's. */
function checkGroup(apiVersion: string, group: string, kind: string): readonly Violation[] {
  const right = groupOf(kind);
  if (right === undefined || !(group.endsWith("kubevirt.io") || isNear(group, right))) return [];
  const problem = `no such API: ${apiVersion.slice(0, LONGEST_NAME)} ${kind}`;
  return [violation("apiVersion", problem, `${kind} is of the group ${right}: correct the apiVersion`)];
}

const DEFINITIONS = { group: "k8s.cni.cncf.io", kind: "NetworkAttachmentDefinition" } as const;

/** The header of a NetworkAttachmentDefinition, with a slip in its kind or in its group. */
function checkDefinitionHeader(apiVersion: string, group: string, kind: string): readonly Violation[] {
  if (group === DEFINITIONS.group && kind !== DEFINITIONS.kind && isNear(kind, DEFINITIONS.kind))
    return [
      violation("kind", `the API group ${group} has no kind ${quoted(kind)}`, `did you mean ${DEFINITIONS.kind}?`),
    ];
  if (group === DEFINITIONS.group || kind !== DEFINITIONS.kind) return [];
  const problem = `no such API: ${apiVersion.slice(0, LONGEST_NAME)} ${kind}`;
  return [violation("apiVersion", problem, `write "apiVersion: ${DEFINITIONS.group}/v1"`)];
}

/** A kind that one of KubeVirt's groups has not, and what is meant. */
function checkKind(apiVersion: string, kind: string): readonly Violation[] {
  const [group = ""] = apiVersion.split("/");
  const known = Object.hasOwn(KINDS, group) ? (KINDS[group] ?? []) : [];
  if (known.length === 0)
    return [...checkDefinitionHeader(apiVersion, group, kind), ...checkGroup(apiVersion, group, kind)];
  if (known.includes(kind)) return [];
  const meant = known.find((one) => isNear(kind, one));
  const right = groupOf(kind);
  const fix =
    right !== undefined
      ? `${kind} is of the group ${right}: correct the apiVersion`
      : meant !== undefined
        ? `did you mean ${meant}?`
        : `write one of ${known.join(", ")}`;
  return [violation("kind", `the API group ${group} has no kind ${quoted(kind)}`, fix)];
}

/** What is wrong with a header that is nearly one of KubeVirt's, or none at all. */
export function checkHeader(document: InputDocument): readonly Violation[] {
  const { apiVersion, kind } = document.value;
  const untyped = (["apiVersion", "kind"] as const).filter((field) => {
    const value = document.value[field];
    return value !== undefined && typeof value !== "string";
  });
  if (untyped.length > 0 && kind !== undefined)
    return untyped.map((field) => violation(field, `${field} is not a string`, `write ${field} as plain text`));
  const name = typeof kind === "string" ? kind : "";
  const meant =
    SHORTHANDS[name] ??
    (["VirtualMachine", "VirtualMachineInstance", "KubeVirt"].includes(name) ? `kind: ${name}` : undefined);
  if (meant !== undefined && isOfAnotherProduct(apiVersion)) return [];
  if (meant !== undefined) {
    return [
      violation(
        "kind",
        apiVersion === undefined
          ? `kind ${name} has no apiVersion`
          : `no such API: ${JSON.stringify(apiVersion).replace(/^"(.*)"$/, "$1")} ${name}`,
        `write "apiVersion: kubevirt.io/v1" and "${meant}", and a metadata.name`,
      ),
    ];
  }
  if (apiVersion !== undefined && kind !== undefined) return checkKind(textOf(apiVersion), name);
  return [
    violation(
      kind === undefined ? "kind" : "apiVersion",
      "the object has no apiVersion and kind",
      'write, for a VM, "apiVersion: kubevirt.io/v1" and "kind: VirtualMachineInstance"',
    ),
  ];
}
