import { type Violation, violation } from "@netbind/contract";
import {
  checkClone,
  checkDataObject,
  checkKubevirt,
  checkMigration,
  checkNad,
  checkObjectName,
  kubevirtConfiguration,
  type Service,
} from "@netbind/kubevirt/admission";
import type {
  DeviceSettings,
  KubevirtConfiguration,
  NetworkAttachmentDefinition,
  ReferencedData,
  VmiClone,
  VmiMigration,
} from "@netbind/kubevirt";

import type { InputDocument, InputViolation, ReadResult } from "./documents.ts";
import { asVmi, type InputVm, isVmKind } from "./input-vm.ts";
import { checkHeader, type Kind, kindOf, located, textOf } from "./kinds.ts";
import { collectData, collectDeviceSettings } from "./referenced-data.ts";
import { collectServices } from "./services.ts";

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
  /** The same, with the way back to their text. */
  readonly definitions: readonly InputObject<NetworkAttachmentDefinition>[];
  /** What the ConfigMap of a device plugin says, by key. */
  readonly deviceSettings: DeviceSettings;
  readonly services: readonly Service[];
  /** Secrets and ConfigMaps of a namespace. */
  readonly dataOf: (namespace: string) => ReferencedData;
  readonly violations: readonly InputViolation[];
  readonly warnings: readonly string[];
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

const checkDefinition = (document: unknown): readonly Violation[] => [...checkNad(document), ...checkObjectName(document)];

/** What an input is of no use without. */
export type Needed = "a VM" | "a VM, a clone or a migration" | "nothing";

/**
 * What documents say, in any order, with everything that is wrong with their shape; `first` is reported where what is
 * needed is missing.
 */
export function inputOf({ documents, violations }: ReadResult, first: string, needed: Needed = "a VM"): Input {
  const of = (kind: Kind): readonly InputDocument[] => documents.filter((document) => kindOf(document) === kind);
  const converted = documents.flatMap((document) => {
    const kind = kindOf(document);
    return isVmKind(kind) ? [{ kind, result: asVmi(document, kind) }] : [];
  });
  const found = converted.flatMap(({ kind, result }) => ("vmi" in result ? [{ kind, vm: result }] : []));
  const vms = found.filter(({ kind }) => kind === "vm" || kind === "vmi").map(({ vm }) => vm);
  const [kubevirt, ...others] = of("kubevirt");
  const headers = of("other").flatMap((document) => checkHeader(document).map((found) => located(document, found)));
  const soundOf = <T>(kind: Kind, check: (value: unknown) => readonly Violation[]): readonly InputObject<T>[] =>
    of(kind)
      .filter(({ value }) => check(value).length === 0)
      .map((document) => ({ value: document.value as T, locate: (found) => located(document, found) }));
  const definitions = soundOf<NetworkAttachmentDefinition>("nad", checkDefinition);
  const shapes = [
    ["nad", checkDefinition],
    ["configMap", checkDataObject],
    ["secret", checkDataObject],
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
    nads: definitions.map(({ value }) => value),
    definitions,
    deviceSettings: collectDeviceSettings(documents),
    services: collectServices(documents),
    dataOf: collectData(documents),
    violations: [
      ...violations,
      ...headers,
      ...converted.flatMap(({ result }) => ("vmi" in result ? [] : result)),
      ...findTwins(vms),
      ...shapes.flatMap(([kind, check]) => of(kind).flatMap((document) => check(document.value).map((found) => located(document, found)))),
      ...(kubevirt === undefined ? [] : checkKubevirt(kubevirt.value).map((found) => located(kubevirt, found))),
      ...others.map((document) =>
        located(document, violation("kind", `a second KubeVirt CR; the first is in ${kubevirt?.file}:${kubevirt?.line}`, "keep one")),
      ),
      ...(none || (needed !== "nothing" && converted.length + asked === 0 && headers.length === 0 && violations.length === 0)
        ? [
            {
              ...violation("", "the input has no VirtualMachine and no VirtualMachineInstance", "add one with -f"),
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
