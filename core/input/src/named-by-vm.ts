import {
  checkInstancetype,
  findUnknownFields,
  checkPreference,
  type CodedViolation,
  type Instancetype,
  type NamedByVm,
  type Preference,
  type Sources,
} from "@netbind/kubevirt/admission";
import { defined, type Violation, violation } from "@netbind/contract";
import type { InputDocument } from "./documents.ts";
import { type Kind, MOST_QUOTED, objectNameOf, textOf } from "./kinds.ts";

/** What a VM names that gives it more than its spec, and what of that is not in the input. */
export interface FoundForVm extends NamedByVm {
  /** Sentences: what is not there, and what of the VM is not known for it. */
  readonly unknown: readonly string[];
  /** True for a VM with an instancetype by name, be it in the input or not. */
  readonly namesInstancetype: boolean;
  /** The preference that is not there, as a fix names it. */
  readonly missingPreference?: string;
  /** True for a preference that is there and has mistakes: what it gives is not known before they are gone. */
  readonly isPreferenceWrong: boolean;
}

/** A kind that VMs name: one of a namespace, or, unless they say so, one of the cluster. */
interface NamedKind {
  readonly key: "preference" | "instancetype";
  readonly kind: string;
  readonly ofCluster: string;
  readonly gives: string;
  readonly check: (value: unknown) => readonly Violation[];
}

const KINDS: readonly NamedKind[] = [
  {
    key: "preference",
    kind: "VirtualMachinePreference",
    ofCluster: "VirtualMachineClusterPreference",
    gives: "binding, model and queues it gives",
    check: checkPreference,
  },
  {
    key: "instancetype",
    kind: "VirtualMachineInstancetype",
    ofCluster: "VirtualMachineClusterInstancetype",
    gives: "CPUs it gives, which set the number of queues",
    check: checkInstancetype,
  },
];

/** KubeVirt takes the kind in any case, in the plural too. */
const isKind = (written: string, kind: string): boolean =>
  written.toLowerCase().replace(/s$/, "") === kind.toLowerCase();

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** One thing that a VM names: what it is called, and what it says where it is in the input and sound. */
interface Named {
  readonly title: string;
  readonly isThere: boolean;
  /** False for one that has fields of wrong types, or fields that its kind has not. */
  readonly isRight?: boolean;
  readonly spec?: unknown;
}

function findNamed(
  reference: unknown,
  named: NamedKind,
  namespace: string,
  documents: readonly InputDocument[],
): Named {
  const { name, kind, inferFromVolume } = fieldsOf(reference);
  if (textOf(name) === "") {
    const volume = textOf(inferFromVolume);
    return {
      title: `${named.key}${volume === "" ? "" : ` that volume ${JSON.stringify(volume)} names`}`,
      isThere: false,
    };
  }
  const isNamespaced = isKind(textOf(kind), named.kind);
  const found = documents.find((document) => {
    const object = objectNameOf(document);
    if (object?.name !== name) return false;
    return isNamespaced
      ? object?.kind === named.kind && object.namespace === namespace
      : object?.kind === named.ofCluster;
  });
  const title = `${isNamespaced ? `${named.kind} ${namespace}/${textOf(name)}` : `${named.ofCluster} ${textOf(name)}`}`;
  const spec = found !== undefined && named.check(found.value).length === 0 ? found.value["spec"] : undefined;
  const isRight = spec !== undefined && findUnknownFields(found?.value, named.key).length === 0;
  return { title, isThere: found !== undefined, isRight, ...defined({ spec }) };
}

/** Kinds that a VM names and that KubeVirt knows no preference or instancetype by. */
export const checkNamedKinds = (vmSpec: unknown, path: string): readonly Violation[] =>
  KINDS.flatMap(({ key, kind, ofCluster }) => {
    const written = fieldsOf(fieldsOf(vmSpec)[key])["kind"];
    if (typeof written !== "string" || written === "" || isKind(written, kind) || isKind(written, ofCluster)) return [];
    const problem = `${JSON.stringify(written.slice(0, MOST_QUOTED))} is not a kind of ${key}`;
    return [violation(`${path}.${key}.kind`, problem, `write ${ofCluster} or ${kind}`)];
  });

/** What the spec of a VirtualMachine names, in an input. */
export function namedByVm(
  vmSpec: unknown,
  namespace: string,
  { of, sources }: { readonly of: (kind: Kind) => readonly InputDocument[]; readonly sources: Sources },
): FoundForVm {
  const references = fieldsOf(vmSpec);
  const found = KINDS.flatMap((named) => {
    const reference = references[named.key];
    if (reference === undefined) return [];
    return [{ ...findNamed(reference, named, namespace, of(named.key)), named }];
  });
  const specOf = (key: NamedKind["key"]): unknown => found.find(({ named }) => named.key === key)?.spec;
  const missing = found.filter(({ isThere }) => !isThere);
  return {
    ...defined({
      preference: specOf("preference") as Preference | undefined,
      instancetype: specOf("instancetype") as Instancetype | undefined,
      missingPreference: missing.find(({ named }) => named.key === "preference")?.title,
    }),
    isPreferenceWrong: found.some(({ named, isThere, isRight }) => named.key === "preference" && isThere && !isRight),
    namesInstancetype: textOf(fieldsOf(references["instancetype"])["name"]) !== "",
    unknown: missing.map(({ title, named }) => `no ${title} in ${sources}: not known which ${named.gives}`),
  };
}

/** A finding of a NIC that has no binding, and may get one from a preference that is not in the input. */
export const withMissing = <F extends CodedViolation>(found: F, missing: string | undefined): F =>
  missing !== undefined && (found.rule === "BIND-1" || found.rule === "BIND-5")
    ? { ...found, fix: `add the ${missing}, which may give it one, to the input; else ${found.fix}` }
    : found;
