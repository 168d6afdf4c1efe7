import { CLUSTER_INSTANCETYPES, CLUSTER_PREFERENCES, INSTANCETYPES, PREFERENCES, type Resource } from "@netbind/kube";
import { defined } from "@netbind/contract";
import { isObject } from "@netbind/contract/shape";
import { checkInstancetype, checkPreference, type NamedByVm } from "@netbind/kubevirt/admission";
import type { Lookups } from "./lookups.ts";

/** What a VM names that gives it more than its spec. */
export interface FoundForVm extends NamedByVm {
  /** True where a preference that nobody has seen may give a NIC its binding. */
  readonly isPreferenceUnknown: boolean;
}

/** A kind that VMs name: one of a namespace, or, unless they say so, one of the cluster. */
interface NamedKind {
  readonly own: Resource;
  readonly ofCluster: Resource;
  readonly check: (value: unknown) => readonly object[];
}
const PREFERENCE: NamedKind = { own: PREFERENCES, ofCluster: CLUSTER_PREFERENCES, check: checkPreference };
const INSTANCETYPE: NamedKind = { own: INSTANCETYPES, ofCluster: CLUSTER_INSTANCETYPES, check: checkInstancetype };

/** KubeVirt takes the kind in any case, in the plural too. */
const isKind = (written: unknown, { kind }: Resource): boolean =>
  String(written).toLowerCase().replace(/s$/, "") === kind.toLowerCase();

/** The spec of what a VM refers to; undefined where it is not known: KubeVirt itself refuses what does not exist. */
async function specOf(reference: unknown, named: NamedKind, namespace: string, lookups: Lookups): Promise<unknown> {
  const { name, kind } = isObject(reference) ? reference : {};
  if (typeof name !== "string" || name === "") return undefined;
  const isOwn = isKind(kind, named.own);
  const place = isOwn ? { resource: named.own, namespace, name } : { resource: named.ofCluster, name };
  const looked = await lookups.find(place);
  return typeof looked === "object" && named.check(looked.object).length === 0 ? looked.object["spec"] : undefined;
}

/** What the spec of a VirtualMachine names; nothing for one that is a VMI's. */
export async function namedByVm(vmSpec: unknown, namespace: string, lookups: Lookups | undefined): Promise<FoundForVm> {
  const { preference, instancetype } = isObject(vmSpec) ? vmSpec : {};
  if (lookups === undefined || (preference === undefined && instancetype === undefined))
    return { isPreferenceUnknown: preference !== undefined };
  const [preferred, sized] = await Promise.all([
    specOf(preference, PREFERENCE, namespace, lookups),
    specOf(instancetype, INSTANCETYPE, namespace, lookups),
  ]);
  const found = { preference: preferred, instancetype: sized } as Partial<NamedByVm>;
  return { ...defined(found), isPreferenceUnknown: preference !== undefined && preferred === undefined };
}
