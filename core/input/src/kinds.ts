import { defined, type Violation, violation } from "@netbind/contract";
import type { CodedViolation } from "@netbind/kubevirt/admission";
import type { InputDocument, InputViolation, ObjectName } from "./documents.ts";

const KUBEVIRT_API = /^kubevirt\.io\/v1(alpha3)?$/;
/** The groups of KubeVirt whose kinds are read whatever their version is. */
const GROUPS: Readonly<Record<string, Kind>> = {
  "pool.kubevirt.io/VirtualMachinePool": "pool",
  "clone.kubevirt.io/VirtualMachineClone": "clone",
  "k8s.cni.cncf.io/NetworkAttachmentDefinition": "nad",
};

/** Headers that people write, and the ones that are meant. */
const SHORTHANDS: Readonly<Record<string, string>> = {
  VM: "kind: VirtualMachineInstance",
  VMI: "kind: VirtualMachineInstance",
  Vm: "kind: VirtualMachine",
  Kubevirt: "kind: KubeVirt",
  Kubvirt: "kind: KubeVirt",
};

/** What an object is to this command. */
export type Kind =
  | "vm"
  | "vmi"
  | "replicaSet"
  | "pool"
  | "clone"
  | "migration"
  | "kubevirt"
  | "nad"
  | "secret"
  | "configMap"
  | "service"
  | "other";

/** A text, or none where something else stands. */
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** What a document is, by its header. */
export function kindOf({ value }: InputDocument): Kind {
  const [apiVersion, kind] = [textOf(value["apiVersion"]), textOf(value["kind"])];
  if (KUBEVIRT_API.test(apiVersion)) {
    if (kind === "VirtualMachine") return "vm";
    if (kind === "VirtualMachineInstance") return "vmi";
    if (kind === "VirtualMachineInstanceReplicaSet") return "replicaSet";
    if (kind === "VirtualMachineInstanceMigration") return "migration";
    if (kind === "KubeVirt") return "kubevirt";
  }
  if (apiVersion === "v1" && kind === "Secret") return "secret";
  if (apiVersion === "v1" && kind === "ConfigMap") return "configMap";
  if (apiVersion === "v1" && kind === "Service") return "service";
  const [group, version] = apiVersion.split("/");
  const named = `${group}/${kind}`;
  return version !== undefined && Object.hasOwn(GROUPS, named) ? (GROUPS[named] ?? "other") : "other";
}

/** Which object a document is, in the words of its header; undefined where it has no kind. */
export function objectNameOf({ value }: InputDocument): ObjectName | undefined {
  const kind = textOf(value["kind"]);
  if (kind === "") return undefined;
  const metadata = (typeof value["metadata"] === "object" ? value["metadata"] : {}) as Record<string, unknown>;
  const generated = textOf(metadata["generateName"]);
  const name = textOf(metadata["name"]) || (generated === "" ? "" : `${generated}*`);
  return { kind, namespace: textOf(metadata["namespace"]) || "default", name };
}

/** A violation of an object, where its text is. */
export const located = (document: InputDocument, found: CodedViolation): InputViolation => ({
  ...found,
  ...defined({ object: objectNameOf(document) }),
  file: document.file,
  ...document.placeOf(found.field),
});

/** What is wrong with a header that is nearly one of ours. */
export function checkHeader(document: InputDocument): readonly Violation[] {
  const { apiVersion, kind } = document.value;
  const name = typeof kind === "string" ? kind : "";
  const meant =
    SHORTHANDS[name] ??
    (["VirtualMachine", "VirtualMachineInstance", "KubeVirt"].includes(name) ? `kind: ${name}` : undefined);
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
  if (apiVersion !== undefined && kind !== undefined) return [];
  return [
    violation(
      kind === undefined ? "kind" : "apiVersion",
      "the object has no apiVersion and kind",
      'write, for a VM, "apiVersion: kubevirt.io/v1" and "kind: VirtualMachineInstance"',
    ),
  ];
}
