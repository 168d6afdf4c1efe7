import { defined, type Violation, violation } from "@netbind/contract";
import { MISSING } from "@netbind/contract/shape";
import {
  applyNamed,
  checkMetadata,
  checkReplicas,
  checkTemplateMetadata,
  checkVmiSpec,
  checkVmSpec,
  type CodedViolation,
  findUnknownFields,
  isUnbound,
  isVmiStatus,
  limitRepeated,
  type Sources,
  validateOwnSize,
} from "@netbind/kubevirt/admission";
import { INTERFACES_PATH, interfacesOf, networkOf, type ObjectMeta, type Vmi, type VmiSpec } from "@netbind/kubevirt";
import type { InputDocument, InputViolation, ObjectName } from "./documents.ts";
import { type Cluster, inWordsOf } from "./configuring-cr.ts";
import { checkNamedKinds, namedByVm, withMissing } from "./named-by-vm.ts";
import { IGNORE_ANNOTATION } from "./ignore-annotation.ts";
import { type Kind, located, objectNameOf } from "./kinds.ts";
import type { YamlPath } from "./yaml-positions.ts";

/** A VM of the input, as a VMI, with the way back to its text. */
export interface InputVm {
  readonly vmi: Vmi;
  readonly file: string;
  readonly line: number;
  readonly object: ObjectName;
  /** What its annotations, and its object's, say of ignored rules; each with the way back to its text. */
  readonly ignores: readonly { readonly text: string; readonly locate: InputVm["locate"] }[];
  /** How many VMs are made of it, where it is a template of several. */
  readonly copies?: number;
  /** What is not known of it, because something that it names is not in the input; sentences. */
  readonly unknown: readonly string[];
  /** What KubeVirt refuses of it beside its VMI: of what it names. */
  readonly refused: readonly InputViolation[];
  /** Paths of interfaces that may get a binding from a preference that is not in the input. */
  readonly openNics: readonly string[];
  /** Puts a violation of the VMI where its text is. */
  readonly locate: (found: CodedViolation) => InputViolation;
}

/** Where the VM is in an object that is not a VM itself. */
const TEMPLATES = {
  vm: ["spec", "template"],
  replicaSet: ["spec", "template"],
  pool: ["spec", "virtualMachineTemplate", "spec", "template"],
} as const;
/** The kinds of objects that a VM is in. */
export type VmKind = "vmi" | keyof typeof TEMPLATES;
export const isVmKind = (kind: Kind): kind is VmKind => kind === "vmi" || Object.hasOwn(TEMPLATES, kind);

/** The steps from an object to its VM, whose spec and metadata are there. */
export const stepsToVm = (kind: VmKind): readonly string[] => (kind === "vmi" ? [] : TEMPLATES[kind]);

/** What is at a path of an object; undefined where anything on it is none. */
export const valueAt = (value: unknown, path: YamlPath): unknown =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null ? (inner as Record<string | number, unknown>)[key] : undefined,
    value,
  );

/** A VM's metadata: who it is, of its object, and what is said of it, of its template. */
function metadataOf(
  document: InputDocument,
  { name, generateName = "", uid }: ObjectMeta,
  { labels = {}, annotations = {} }: Partial<ObjectMeta>,
): Vmi["metadata"] {
  // The cluster draws five characters; a file's line makes one name of each.
  const { namespace } = document;
  return { name: name ?? `${generateName}${document.line}`, namespace, ...defined({ uid }), labels, annotations };
}

/** What the annotations of an object and of its VM say of ignored rules. */
function ignoresOf(document: InputDocument, steps: readonly string[]): InputVm["ignores"] {
  const paths = steps.length === 0 ? [[]] : [[], steps];
  return paths.flatMap((path) => {
    const text = valueAt(document.value, [...path, "metadata", "annotations", IGNORE_ANNOTATION]);
    const field = [...path, "metadata", "annotations"].join(".");
    return typeof text === "string" ? [{ text, locate: (found) => located(document, { ...found, field }) }] : [];
  });
}

/** The spec of the VirtualMachine that an object is, or makes; nothing for one that makes VMIs. */
const vmSpecOf = (object: unknown, kind: VmKind): unknown =>
  kind === "vm" || kind === "pool" ? valueAt(object, stepsToVm(kind).slice(0, -1)) : undefined;

/** Interfaces without a binding that a preference can give one to: those on the pod network. */
const findOpenNics = (vmi: Vmi): readonly string[] =>
  interfacesOf(vmi).flatMap((nic, at) =>
    isUnbound(nic) && networkOf(vmi, nic.name)?.pod !== undefined ? [`${INTERFACES_PATH}[${at}]`] : [],
  );

/** How many VMs a set or a pool makes of its template, where it makes several. */
function copiesOf({ value }: InputDocument, kind: VmKind): number | undefined {
  const replicas = kind === "replicaSet" || kind === "pool" ? valueAt(value, ["spec", "replicas"]) : undefined;
  return typeof replicas === "number" && replicas > 1 ? replicas : undefined;
}

/** What is wrong with what a VirtualMachine says beside its template. */
function checkAround(object: unknown, kind: VmKind): readonly Violation[] {
  if (kind === "vmi") return [];
  const vmSpec = vmSpecOf(object, kind);
  const path = stepsToVm(kind).slice(0, -1).join(".");
  const ofVm = vmSpec === undefined ? [] : [...checkVmSpec(vmSpec, path), ...checkNamedKinds(vmSpec, path)];
  return kind === "vm" ? ofVm : [...checkReplicas(valueAt(object, ["spec"])), ...ofVm];
}

/** What is wrong with the shape of a VM's spec, and with the names of fields around it. */
function checkSpec(object: unknown, spec: unknown, kind: VmKind): readonly Violation[] {
  const path = [...stepsToVm(kind), "spec"].join(".");
  const unknown = findUnknownFields(object, kind);
  // What is missing may be what stands elsewhere, or under another name.
  if (spec === undefined)
    return unknown.length > 0 ? unknown : [violation(path, "there is no spec", "write the VM's spec")];
  const shape = [...checkAround(object, kind), ...checkVmiSpec(spec, path)];
  const isInside = ({ field }: Violation): boolean => shape.some((one) => field.startsWith(`${one.field}.`));
  return [
    ...unknown.filter((one) => !isInside(one)),
    ...(unknown.length > 0 ? shape.filter(({ problem }) => problem !== MISSING) : shape),
  ];
}

/** What else there is for a VM in its input. */
export interface Beside {
  readonly of: (kind: Kind) => readonly InputDocument[];
  readonly cluster: Cluster;
  readonly sources: Sources;
}

/** A VMI of a spec that was checked, and of a status that it may have. */
function completeVmi(metadata: Vmi["metadata"], spec: VmiSpec, status: unknown): Vmi {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata,
    spec: { ...spec, domain: { ...spec.domain, devices: spec.domain.devices ?? {} } },
    ...(isVmiStatus(status) ? { status: status as NonNullable<Vmi["status"]> } : {}),
  };
}

/** A field of a VMI as its document has it, in which it may be a template's. */
const fieldInDocument = (field: string, steps: readonly string[]): string =>
  field.startsWith("spec")
    ? field.replace(/^spec/, [...steps, "spec"].join("."))
    : field.replace(/^metadata\.(?=annotations|labels)/, `${[...steps, "metadata"].join(".")}.`);

/** The VM in an object, with what is wrong with its shape where anything is. */
export function asVmi(
  document: InputDocument,
  kind: VmKind,
  { of, cluster, sources }: Beside,
): InputVm | readonly InputViolation[] {
  const { value } = document;
  const steps = stepsToVm(kind);
  const outer = (value["metadata"] ?? {}) as ObjectMeta;
  const inner = (steps.length === 0 ? outer : (valueAt(value, [...steps, "metadata"]) ?? {})) as Partial<ObjectMeta>;
  const ofTemplate = steps.length === 0 ? [] : checkTemplateMetadata(inner, [...steps, "metadata"].join("."));
  const spec = valueAt(value, [...steps, "spec"]);
  const found = [...checkMetadata(outer), ...ofTemplate, ...checkSpec(value, spec, kind)];
  const problems = limitRepeated(found, () => "shape").map((one) => located(document, one));
  if (problems.length > 0) return problems;
  const vmi = completeVmi(metadataOf(document, outer, inner), spec as VmiSpec, kind === "vmi" && value["status"]);
  const named = namedByVm(vmSpecOf(value, kind), vmi.metadata.namespace, { of, sources });
  const isOpen = named.missingPreference !== undefined || named.isPreferenceWrong;
  const openNics = isOpen ? findOpenNics(vmi) : [];
  const locate = (found: CodedViolation): InputViolation => {
    const field = fieldInDocument(found.field, steps);
    const inWords = inWordsOf(cluster.configuredBy, found);
    const isOpenNic = openNics.includes(found.field);
    return located(document, { ...(isOpenNic ? withMissing(inWords, named.missingPreference) : inWords), field });
  };
  const ownSize = named.namesInstancetype ? validateOwnSize(vmi.spec) : [];
  return {
    vmi: applyNamed(vmi, named, cluster.configuration),
    unknown: named.unknown,
    refused: ownSize.map(({ field, problem, fix, rule }) => locate({ field, problem, fix, rule: rule.id })),
    openNics,
    ...defined({ copies: copiesOf(document, kind) }),
    object: objectNameOf(document) ?? { kind: "", namespace: document.namespace, name: "" },
    ignores: ignoresOf(document, steps),
    file: document.file,
    get line() {
      return document.line;
    },
    locate,
  };
}
