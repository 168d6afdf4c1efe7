import { type Violation, violation } from "@netbind/contract";
import {
  checkClone,
  checkKubevirt,
  checkMetadata,
  checkMigration,
  checkNad,
  checkTemplateMetadata,
  checkVmiSpec,
  isVmiStatus,
  kubevirtConfiguration,
  type KubevirtConfiguration,
  type NetworkAttachmentDefinition,
  type ObjectMeta,
  type Vmi,
  type VmiClone,
  type VmiMigration,
  type VmiSpec,
} from "@netbind/engine";
import type { DeviceSettings, ReferencedData } from "@netbind/local";
import { type InputDocument, type InputViolation, type ReadResult, readFiles } from "./documents.ts";

/** A VM of the input, as a VMI, with the way back to its text. */
export interface InputVm {
  readonly vmi: Vmi;
  readonly file: string;
  readonly line: number;
  /** Puts a violation of the VMI where its text is. */
  readonly locate: (found: Violation) => InputViolation;
}

/** An object of the input that names a VM. */
export interface InputObject<T> {
  readonly value: T;
  /** Puts a violation of the object where its text is. */
  readonly locate: (found: Violation) => InputViolation;
}

/** All that files say. */
export interface Input {
  readonly vms: readonly InputVm[];
  /** VMs that others are made from: of replica sets and pools. */
  readonly templates: readonly InputVm[];
  /** What is asked for VMs: clones and migrations of them. */
  readonly clones: readonly InputObject<VmiClone>[];
  readonly migrations: readonly InputObject<VmiMigration>[];
  readonly configuration: KubevirtConfiguration;
  readonly nads: readonly NetworkAttachmentDefinition[];
  /** What the ConfigMap of a device plugin says, by key. */
  readonly deviceSettings: DeviceSettings;
  /** Secrets and ConfigMaps of a namespace. */
  readonly dataOf: (namespace: string) => ReferencedData;
  readonly violations: readonly InputViolation[];
  readonly warnings: readonly string[];
}

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

type Kind = "vm" | "vmi" | "replicaSet" | "pool" | "clone" | "migration" | "kubevirt" | "nad" | "secret" | "configMap" | "other";

/** Where the VM is in an object that is not a VM itself. */
const TEMPLATES = {
  vm: ["spec", "template"],
  replicaSet: ["spec", "template"],
  pool: ["spec", "virtualMachineTemplate", "spec", "template"],
} as const;
type VmKind = "vmi" | keyof typeof TEMPLATES;
const isVmKind = (kind: Kind): kind is VmKind => kind === "vmi" || Object.hasOwn(TEMPLATES, kind);

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

function kindOf({ value }: InputDocument): Kind {
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
  const [group, version] = apiVersion.split("/");
  const named = `${group}/${kind}`;
  return version !== undefined && Object.hasOwn(GROUPS, named) ? (GROUPS[named] ?? "other") : "other";
}

const at = (document: InputDocument, found: Violation): InputViolation => ({
  ...found,
  file: document.file,
  line: document.lineOf(found.field),
});

/** What is wrong with a header that is nearly one of ours. */
function checkHeader(document: InputDocument): readonly Violation[] {
  const { apiVersion, kind } = document.value;
  const name = typeof kind === "string" ? kind : "";
  const meant = SHORTHANDS[name] ?? (["VirtualMachine", "VirtualMachineInstance", "KubeVirt"].includes(name) ? `kind: ${name}` : undefined);
  if (meant !== undefined) {
    const shown = apiVersion === undefined ? "no apiVersion" : `apiVersion ${JSON.stringify(apiVersion)}`;
    return [
      violation(
        "kind",
        `${shown} with kind ${JSON.stringify(kind)} is no header of a KubeVirt object`,
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

/** What is at a path of an object; undefined where anything on it is none. */
const valueAt = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );

/** The VM in an object, with what is wrong with its shape where anything is. */
function asVmi(document: InputDocument, kind: VmKind): InputVm | readonly InputViolation[] {
  const { value } = document;
  const steps: readonly string[] = kind === "vmi" ? [] : TEMPLATES[kind];
  const path = [...steps, "spec"].join(".");
  const outer = (value["metadata"] ?? {}) as ObjectMeta;
  const inner = (steps.length === 0 ? outer : (valueAt(value, [...steps, "metadata"]) ?? {})) as Partial<ObjectMeta>;
  const ofTemplate = steps.length === 0 ? [] : checkTemplateMetadata(inner, [...steps, "metadata"].join("."));
  const spec = valueAt(value, [...steps, "spec"]);
  const shape = spec === undefined ? [violation(path, "there is no spec", "write the VM's spec")] : checkVmiSpec(spec, path);
  const problems = [...checkMetadata(outer), ...ofTemplate, ...shape].map((found) => at(document, found));
  if (problems.length > 0) return problems;
  const { namespace = "default", uid } = outer;
  // The cluster draws five characters; a file's line makes one name of each.
  const name = outer.name ?? `${outer.generateName ?? ""}${document.line}`;
  const complete = spec as VmiSpec;
  const domain = { ...complete.domain, devices: complete.domain.devices ?? {} };
  return {
    vmi: {
      apiVersion: "kubevirt.io/v1",
      kind: "VirtualMachineInstance",
      metadata: {
        name,
        namespace,
        ...(uid === undefined ? {} : { uid }),
        labels: inner.labels ?? {},
        annotations: inner.annotations ?? {},
      },
      spec: { ...complete, domain },
      ...(kind === "vmi" && isVmiStatus(value["status"]) ? { status: value["status"] as NonNullable<Vmi["status"]> } : {}),
    },
    file: document.file,
    get line() {
      return document.line;
    },
    locate: (found) => {
      const field = found.field.startsWith("spec") ? found.field.replace(/^spec/, path) : found.field;
      return { ...found, field, file: document.file, line: document.lineOf(field) };
    },
  };
}

function findTwins(vms: readonly InputVm[]): readonly InputViolation[] {
  const firsts = new Map<string, InputVm>();
  return vms.flatMap((vm) => {
    const name = `${vm.vmi.metadata.namespace}/${vm.vmi.metadata.name}`;
    const first = firsts.get(name);
    if (first === undefined) {
      firsts.set(name, vm);
      return [];
    }
    const problem = `VM ${name} is in ${first.file}:${first.line} already`;
    return [vm.locate(violation("metadata.name", problem, "give it a name of its own, or remove one"))];
  });
}

type Texts = Record<string, string>;

function secretTexts({ value }: InputDocument): Texts {
  const data = Object.entries((value["data"] ?? {}) as Texts).map(
    ([key, text]) => [key, Buffer.from(textOf(text), "base64").toString("utf8")] as const,
  );
  return { ...Object.fromEntries(data), ...((value["stringData"] ?? {}) as Texts) };
}

function collectData(documents: readonly InputDocument[]): Input["dataOf"] {
  const of = (kind: Kind, namespace: string, read: (document: InputDocument) => Texts): Record<string, Texts> =>
    Object.fromEntries(
      documents
        .filter((document) => kindOf(document) === kind)
        .map((document) => ({ document, metadata: (document.value["metadata"] ?? {}) as Partial<ObjectMeta> }))
        .filter(({ metadata }) => (metadata.namespace ?? "default") === namespace && metadata.name !== undefined)
        .map(({ document, metadata }) => [metadata.name, read(document)]),
    );
  return (namespace) => ({
    secrets: of("secret", namespace, secretTexts),
    configMaps: of("configMap", namespace, ({ value }) => (value["data"] ?? {}) as Texts),
  });
}

/** The names of the ConfigMaps that the device plugins of macvtap and SR-IOV read, in whatever namespace they run. */
const DEVICE_CONFIG_MAPS: readonly unknown[] = ["macvtap-deviceplugin-config", "sriovdp-config"];

function collectDeviceSettings(documents: readonly InputDocument[]): DeviceSettings {
  const named = documents.filter(
    (document) =>
      kindOf(document) === "configMap" &&
      DEVICE_CONFIG_MAPS.includes((document.value["metadata"] as Partial<ObjectMeta> | undefined)?.name),
  );
  return Object.fromEntries(named.flatMap(({ value }) => Object.entries((value["data"] ?? {}) as Texts)));
}

/** What an input is of no use without. */
export type Needed = "a VM" | "a VM, a clone or a migration" | "nothing";

/** Reads all that files say, in any order, with everything that is wrong with their shape. */
export const loadInput = (files: readonly string[], needed: Needed = "a VM"): Input => inputOf(readFiles(files), files[0] ?? "-", needed);

/** Reads files that say something of a VM which is not in them. */
export const loadSurroundings = (files: readonly string[]): Input => inputOf(readFiles(files), files[0] ?? "-", "nothing");

/** What documents say, in any order, with everything that is wrong with their shape; `first` is told where what is needed is not there. */
export function inputOf({ documents, violations }: ReadResult, first: string, needed: Needed = "a VM"): Input {
  const of = (kind: Kind): readonly InputDocument[] => documents.filter((document) => kindOf(document) === kind);
  const converted = documents.flatMap((document) => {
    const kind = kindOf(document);
    return isVmKind(kind) ? [{ kind, result: asVmi(document, kind) }] : [];
  });
  const found = converted.flatMap(({ kind, result }) => ("vmi" in result ? [{ kind, vm: result }] : []));
  const vms = found.filter(({ kind }) => kind === "vm" || kind === "vmi").map(({ vm }) => vm);
  const [kubevirt, ...others] = of("kubevirt");
  const headers = of("other").flatMap((document) => checkHeader(document).map((found) => at(document, found)));
  const soundOf = <T>(kind: Kind, check: (value: unknown) => readonly Violation[]): readonly InputObject<T>[] =>
    of(kind)
      .filter(({ value }) => check(value).length === 0)
      .map((document) => ({ value: document.value as T, locate: (found) => at(document, found) }));
  const shapes = [
    ["nad", checkNad],
    ["clone", checkClone],
    ["migration", checkMigration],
  ] as const;
  const none = documents.length === 0 && violations.length === 0;
  const asked = needed === "a VM" ? 0 : of("clone").length + of("migration").length;
  return {
    vms,
    templates: found.filter(({ kind }) => kind !== "vm" && kind !== "vmi").map(({ vm }) => vm),
    configuration: kubevirtConfiguration(kubevirt?.value),
    clones: soundOf<VmiClone>("clone", checkClone),
    migrations: soundOf<VmiMigration>("migration", checkMigration),
    nads: soundOf<NetworkAttachmentDefinition>("nad", checkNad).map(({ value }) => value),
    deviceSettings: collectDeviceSettings(documents),
    dataOf: collectData(documents),
    violations: [
      ...violations,
      ...headers,
      ...converted.flatMap(({ result }) => ("vmi" in result ? [] : result)),
      ...findTwins(vms),
      ...shapes.flatMap(([kind, check]) => of(kind).flatMap((document) => check(document.value).map((found) => at(document, found)))),
      ...(kubevirt === undefined ? [] : checkKubevirt(kubevirt.value).map((found) => at(kubevirt, found))),
      ...others.map((document) =>
        at(document, violation("kind", `a second KubeVirt CR; the first is in ${kubevirt?.file}:${kubevirt?.line}`, "keep one")),
      ),
      ...(none || (needed !== "nothing" && converted.length + asked === 0 && headers.length === 0 && violations.length === 0)
        ? [
            {
              ...violation("", "there is no VirtualMachine and no VirtualMachineInstance in the input", "add one with -f"),
              file: first,
              line: 1,
            },
          ]
        : []),
    ],
    warnings: of("other")
      .filter((document) => checkHeader(document).length === 0)
      .map(({ file, line, value }) => `${file}:${line}: ${textOf(value["kind"])} is left out: networking does not read it`),
  };
}
