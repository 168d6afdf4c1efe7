import { defined } from "@netbind/contract";
import type { CodedViolation } from "@netbind/kubevirt/admission";
import type { InputDocument, InputViolation, ObjectName } from "./documents.ts";

const KUBEVIRT_API = /^kubevirt\.io\/v1(alpha3)?$/;
/** The groups of KubeVirt whose kinds are read whatever their version is. */
const GROUPS: Readonly<Record<string, Kind>> = {
  "pool.kubevirt.io/VirtualMachinePool": "pool",
  "clone.kubevirt.io/VirtualMachineClone": "clone",
  "instancetype.kubevirt.io/VirtualMachinePreference": "preference",
  "instancetype.kubevirt.io/VirtualMachineClusterPreference": "preference",
  "instancetype.kubevirt.io/VirtualMachineInstancetype": "instancetype",
  "instancetype.kubevirt.io/VirtualMachineClusterInstancetype": "instancetype",
  "migrations.kubevirt.io/MigrationPolicy": "migrationPolicy",
  "plugin.kubevirt.io/Plugin": "plugin",
  "hco.kubevirt.io/HyperConverged": "hyperconverged",
  "k8s.cni.cncf.io/NetworkAttachmentDefinition": "nad",
};

/** What an object is to this command. */
export type Kind =
  | "vm"
  | "vmi"
  | "replicaSet"
  | "pool"
  | "clone"
  | "migration"
  | "migrationPolicy"
  | "plugin"
  | "kubevirt"
  | "hyperconverged"
  | "preference"
  | "instancetype"
  | "nad"
  | "secret"
  | "configMap"
  | "service"
  | "other";

/** The most characters of a value that a message quotes. */
export const MOST_QUOTED = 80;

/** A text, or none where something else stands. */
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** What a document is, by its header. */
export function kindOf({ value }: InputDocument): Kind {
  const [apiVersion, kind] = [textOf(value["apiVersion"]), textOf(value["kind"])];
  if (apiVersion === "kubevirt.io/v1" || KUBEVIRT_API.test(apiVersion)) {
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
export function objectNameOf({ value, namespace }: InputDocument): ObjectName | undefined {
  const kind = textOf(value["kind"]);
  if (kind === "") return undefined;
  const metadata = (typeof value["metadata"] === "object" ? value["metadata"] : {}) as Record<string, unknown>;
  const generated = textOf(metadata["generateName"]);
  const name = textOf(metadata["name"]) || (generated === "" ? "" : `${generated}*`);
  return { kind, namespace, name };
}

/** What YAML makes of words that look like text: the end of what is said of a value with another type than a string's. */
const NOT_TEXT = /^(true|false|-?\d[\d.e+-]*) is not a string$/;

/** A violation in the words of the text: where a string is wanted, what was written, and as what YAML reads it. */
function inWordsOfText<F extends CodedViolation>(document: InputDocument, found: F): F {
  const [, value] = NOT_TEXT.exec(found.problem) ?? [];
  const written = value === undefined ? undefined : document.scalarAt(found.field);
  // Of a parameter of a Template the text is its name.
  if (value === undefined || written === undefined || written.length > MOST_QUOTED || written.includes("${"))
    return found;
  const type = value === "true" || value === "false" ? "a boolean" : "a number";
  const quoted = JSON.stringify(written);
  return {
    ...found,
    problem: `must be a string, and YAML reads ${written} as ${written === value ? type : value}`,
    fix: `write ${quoted} in quotes`,
  };
}

/** A variable that a program is yet to fill in, in what a message quotes. */
const VARIABLE = /\$\{\{?(\w{1,64})\}/;

/** A violation of a value that is not the one that is meant, because nobody has filled it in: what is to be done first. */
function withVariable<F extends CodedViolation>({ source }: InputDocument, found: F): F {
  const [written, name] = VARIABLE.exec(found.problem) ?? [];
  if (written === undefined) return found;
  // An object of a Template is in its list.
  const fix =
    source.path[0] === "objects"
      ? `declare the parameter ${name} in the Template`
      : `fill in ${written} first, such as by envsubst < FILE | netbind validate -f -`;
  return { ...found, fix };
}

/** A violation of an object, where its text is. */
export const located = (document: InputDocument, found: CodedViolation): InputViolation => ({
  ...withVariable(document, inWordsOfText(document, found)),
  ...defined({ object: objectNameOf(document) }),
  file: document.file,
  ...document.placeOf(found.field),
});
