import { isObject } from "@netbind/contract/shape";
import { interfacesOf, type PatchOperation, sameValue, type Vmi } from "@netbind/kubevirt";
import { type RemovedBinding, removedBindingsIn, translateRemovedBindings } from "@netbind/kubevirt/admission";
import { type AdmissionAnswer, type AdmissionRequest, ALLOWED } from "../admission-review.ts";
import { delegateBindings, type DelegatedBinding } from "../delegated-bindings.ts";
import type { ReviewContext } from "../review-vm.ts";
import { fieldPrefix, pointer, type VmTemplate, vmTemplateOf } from "../vm-template.ts";

/** What a patch of VMs is computed by. */
export type VmPatchContext = Pick<ReviewContext, "version" | "ours" | "delegated">;

/**
 * KubeVirt copies a VMI's annotations to its launcher pods: by this one the pods with our bindings are found. Its value is for
 * people; nothing reads it.
 */
export const BINDINGS_ANNOTATION = "netbind.dev/bindings";

const INTERFACES = ["spec", "domain", "devices", "interfaces"] as const;

/** The template as a VMI, as far as interfaces are concerned; undefined where they do not have the API's form. */
function readInterfaces({ spec }: VmTemplate): Vmi | undefined {
  const domain = isObject(spec["domain"]) ? spec["domain"] : {};
  const devices = isObject(domain["devices"]) ? domain["devices"] : {};
  const { interfaces } = devices;
  const isRead = Array.isArray(interfaces) && interfaces.every((nic) => isObject(nic));
  return isRead ? ({ spec: { domain: { devices: { interfaces } } } } as unknown as Vmi) : undefined;
}

/** One key of an interface in the place of another. */
const replaceKey = (nic: string, from: string, to: string, value: object): readonly PatchOperation[] => [
  { op: "remove", path: `${nic}${pointer(from)}` },
  { op: "add", path: `${nic}${pointer(to)}`, value },
];

const translation = ({ path }: VmTemplate, { key, index }: RemovedBinding): readonly PatchOperation[] =>
  replaceKey(pointer(...path, ...INTERFACES, index), key, "binding", { name: key });

const delegation = ({ path }: VmTemplate, { name, index }: DelegatedBinding): readonly PatchOperation[] =>
  replaceKey(pointer(...path, ...INTERFACES, index), "binding", name, {});

const translated = ({ path }: VmTemplate, { key, field }: RemovedBinding): string =>
  `${fieldPrefix(path)}${field}: KubeVirt removed it in 1.3, and binding: {name: ${key}} is stored in its place; ` +
  `run netbind convert on the file, from which GitOps tools see a drift until then`;

/** The annotation of a VMI with our bindings. */
function annotation({ template }: VmTemplate, vmi: Vmi, ours: ReadonlySet<string>): readonly PatchOperation[] {
  const names = interfacesOf(vmi).flatMap(({ binding }) => binding?.name ?? []);
  const value = [...new Set(names.filter((name) => ours.has(name)))].sort().join(",");
  const metadata = isObject(template["metadata"]) ? template["metadata"] : {};
  const annotations = metadata["annotations"];
  if (value === "" || (isObject(annotations) && annotations[BINDINGS_ANNOTATION] === value)) return [];
  if (isObject(annotations))
    return [{ op: "add", path: pointer("metadata", "annotations", BINDINGS_ANNOTATION), value }];
  return [{ op: "add", path: pointer("metadata", "annotations"), value: { [BINDINGS_ANNOTATION]: value } }];
}

/**
 * What is changed of a VM or VMI before it is stored. In both, core bindings that the cluster's KubeVirt has removed become
 * the plugins of the same names, each with a warning. In a new VMI alone, bindings that KubeVirt has a key for get that
 * key, and the annotation is added by which its pods are found. All else, and what is stored already, stays as it is; a
 * second look at what was changed changes nothing.
 */
export function planVmPatch(request: AdmissionRequest, context: VmPatchContext): AdmissionAnswer {
  const isVmi = request.kind === "VirtualMachineInstance";
  if (!isVmi && request.kind !== "VirtualMachine") return ALLOWED;
  // A VMI's spec is immutable.
  if (isVmi && request.operation !== "CREATE") return ALLOWED;
  const found = vmTemplateOf(request);
  const given = found && readInterfaces(found);
  if (found === undefined || given === undefined) return ALLOWED;
  if (found.stored !== undefined && sameValue(found.stored, found.spec)) return ALLOWED;
  const removed = translateRemovedBindings(given, removedBindingsIn(context.version));
  const served = isVmi ? delegateBindings(removed.vmi, context.delegated) : { vmi: removed.vmi, delegated: [] };
  const patch = [
    ...removed.translated.flatMap((one) => translation(found, one)),
    ...served.delegated.flatMap((one) => delegation(found, one)),
    ...(isVmi ? annotation(found, served.vmi, context.ours) : []),
  ];
  return { ...ALLOWED, warnings: removed.translated.map((one) => translated(found, one)), patch };
}
