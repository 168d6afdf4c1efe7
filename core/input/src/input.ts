import { violation } from "@netbind/contract";
import { checkClone, checkMigration, type Service, type Sources } from "@netbind/kubevirt/admission";
import type {
  DeviceSettings,
  NetworkAttachmentDefinition,
  ReferencedData,
  VmiClone,
  VmiMigration,
} from "@netbind/kubevirt";

import type { InputDocument, InputViolation, ReadResult } from "./documents.ts";
import { checkHeader, isKubevirtKind, isOfKubevirt } from "./check-header.ts";
import { findBareKeys, findDuplicateKeys } from "./key-findings.ts";
import { type Cluster, clusterOf } from "./configuring-cr.ts";
import { asVmi, type Beside, type InputVm, isVmKind, valueAt } from "./input-vm.ts";
import { kindOf, located, textOf } from "./kinds.ts";
import {
  checkDefinition,
  checkOthers,
  findUnchecked,
  type InputObject,
  type Sorted,
  soundOf,
  unsoundDefinitions,
} from "./other-objects.ts";
import { collectData, collectDeviceSettings } from "./referenced-data.ts";
import { collectServices } from "./services.ts";

/** All that files say. */
export interface Input extends Cluster {
  readonly vms: readonly InputVm[];
  /** What runs of VMs of the input: their VMIs, as a cluster exports them. */
  readonly running: readonly InputVm[];
  /** VMs that others are made from: of replica sets and pools. */
  readonly templates: readonly InputVm[];
  /** What is asked for VMs: clones and migrations of them. */
  readonly clones: readonly InputObject<VmiClone>[];
  readonly migrations: readonly InputObject<VmiMigration>[];
  readonly nads: readonly NetworkAttachmentDefinition[];
  /** Where all was looked for that VMs name. With a cluster among it, a definition that is not among `nads` is nowhere. */
  readonly sources: Sources;
  /** The same, with the way back to their text. */
  readonly definitions: readonly InputObject<NetworkAttachmentDefinition>[];
  /** What the ConfigMap of a device plugin says, by key. */
  readonly deviceSettings: DeviceSettings;
  readonly services: readonly Service[];
  /** Secrets and ConfigMaps of a namespace. */
  readonly dataOf: (namespace: string) => ReferencedData;
  readonly violations: readonly InputViolation[];
  /** Keys that are written twice: the last counts. */
  readonly duplicates: readonly InputViolation[];
  readonly warnings: readonly string[];
  /** Objects of KubeVirt's of which the kind alone, or all but the fields' names, is checked; sentences. */
  readonly unchecked: readonly string[];
}

/** VMs that are named twice. A VM and a VMI may have one name in a cluster, but only one of them can be started here. */
function findTwins(vms: readonly InputVm[], needed: Needed): readonly InputViolation[] {
  const firsts = new Map<string, InputVm>();
  return vms.flatMap((vm) => {
    const name = `${vm.vmi.metadata.namespace}/${vm.vmi.metadata.name}`;
    const key = needed === "a VM" ? name : `${vm.object.kind} ${name}`;
    const first = firsts.get(key);
    if (first === undefined) {
      firsts.set(key, vm);
      return [];
    }
    const problem = `VM ${name} is in ${first.file}:${first.line} already`;
    return [vm.locate(violation("metadata.name", problem, "give it a name of its own, or remove one"))];
  });
}

/** What an input is of no use without. */
export type Needed = "a VM" | "anything of a VM or its cluster" | "nothing";

/** The name of the VM that a VMI runs for, by its owner; undefined for a VMI of its own. */
function ownerOf({ value, namespace }: InputDocument): string | undefined {
  const owners = valueAt(value, ["metadata", "ownerReferences"]);
  const owner = Array.isArray(owners)
    ? owners.find((one) => valueAt(one, ["kind"]) === "VirtualMachine" && valueAt(one, ["controller"]) !== false)
    : undefined;
  const name = valueAt(owner, ["name"]);
  return typeof name === "string" ? `${namespace}/${name}` : undefined;
}

/** The VMs of documents, those that run of others of them, and what is wrong with those that cannot be read. */
function readVms(documents: readonly InputDocument[], beside: Beside) {
  const read = documents.flatMap((document) => {
    const kind = kindOf(document);
    return isVmKind(kind) ? [{ kind, owner: ownerOf(document), result: asVmi(document, kind, beside) }] : [];
  });
  const found = read.flatMap((one) => ("vmi" in one.result ? [{ ...one, vm: one.result }] : []));
  const ofVms = new Set(
    found.flatMap(({ kind, vm }) => (kind === "vm" ? [`${vm.object.namespace}/${vm.object.name}`] : [])),
  );
  const isRunning = ({ kind, owner }: (typeof found)[number]): boolean =>
    kind === "vmi" && owner !== undefined && ofVms.has(owner);
  const isVm = ({ kind }: (typeof found)[number]): boolean => kind === "vm" || kind === "vmi";
  return {
    count: read.length,
    vms: found.filter((one) => isVm(one) && !isRunning(one)).map(({ vm }) => vm),
    running: found.filter(isRunning).map(({ vm }) => vm),
    templates: found.filter((one) => !isVm(one)).map(({ vm }) => vm),
    violations: read.flatMap(({ result }) => ("vmi" in result ? result.refused : result)),
  };
}

/** A definition with the namespace that it is in. */
const inNamespace = ({ value, namespace }: InputObject<NetworkAttachmentDefinition>): NetworkAttachmentDefinition => ({
  ...value,
  metadata: { ...value.metadata, namespace },
});

/** What is said of an object that nothing is made of; a kind that KubeVirt has too is named with its own group. */
function skipped({ file, line, value }: InputDocument): string {
  const kind = textOf(value["kind"]);
  const [group = ""] = textOf(value["apiVersion"]).split("/");
  const why = isKubevirtKind(kind) ? `it is of ${group}, not of kubevirt.io` : "not a kind that netbind reads";
  return `${file}:${line}: skipping ${kind}: ${why}`;
}

const NO_VM = violation(
  "",
  "the input has no VirtualMachine and no VirtualMachineInstance",
  "add one to it, or name its file with -f",
);

/**
 * What documents say, in any order, with everything that is wrong with their shape; `first` is reported where what is
 * needed is missing.
 */
export function inputOf(
  { documents, violations }: ReadResult,
  first: string,
  needed: Needed = "a VM",
  sources: Sources = "the input",
): Input {
  const byKind = Map.groupBy(documents, kindOf);
  const of: Sorted = (kind) => byKind.get(kind) ?? [];
  const cluster = clusterOf(of);
  const { count, vms, running, templates, violations: unsound } = readVms(documents, { of, cluster, sources });
  const headers = of("other").flatMap((document) => checkHeader(document).map((found) => located(document, found)));
  const definitions = soundOf<NetworkAttachmentDefinition>(of, "nad", checkDefinition);
  const isFaultless = violations.length === 0;
  const isAsked = (): boolean =>
    needed !== "a VM" && documents.some((one) => isOfKubevirt(one) || kindOf(one) === "nad");
  const isMissing = needed !== "nothing" && count + headers.length === 0 && !isAsked();
  return {
    ...cluster,
    vms,
    running,
    templates,
    clones: soundOf<VmiClone>(of, "clone", checkClone),
    migrations: soundOf<VmiMigration>(of, "migration", checkMigration),
    nads: [...definitions.map(inNamespace), ...unsoundDefinitions(of)],
    sources,
    definitions,
    deviceSettings: collectDeviceSettings(of("configMap")),
    services: collectServices(of("service")),
    dataOf: collectData([...of("secret"), ...of("configMap")]),
    violations: [
      ...[
        ...violations,
        ...headers,
        ...unsound,
        ...findTwins(vms, needed),
        ...checkOthers(of),
        ...findBareKeys(documents),
      ],
      ...(isFaultless && (documents.length === 0 || isMissing) ? [{ ...NO_VM, file: first, line: 1, column: 1 }] : []),
    ],
    duplicates: findDuplicateKeys(documents),
    warnings: of("other").flatMap((document) =>
      checkHeader(document).length === 0 && !isOfKubevirt(document) ? [skipped(document)] : [],
    ),
    unchecked: findUnchecked(documents),
  };
}
