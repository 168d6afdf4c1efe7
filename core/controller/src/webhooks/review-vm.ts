import { isObject } from "@netbind/contract/shape";
import {
  type KubevirtConfiguration,
  type KubevirtMinor,
  registrationOf,
  interfacesOf,
  sameValue,
  type Vmi,
  type VmiSpec,
} from "@netbind/kubevirt";
import {
  checkVmiSpec,
  type DescribedBindings,
  defaultVmi,
  type Finding,
  findMistakes,
} from "@netbind/kubevirt/admission";
import type { AdmissionAnswer, AdmissionRequest } from "./admission-review.ts";

/** What a VM is reviewed by. */
export interface ReviewContext {
  readonly configuration: KubevirtConfiguration;
  readonly version: KubevirtMinor;
  /** True where the cluster's KubeVirt is newer than any that this release knows: nothing is refused. */
  readonly isNewer: boolean;
  /** The names of the bindings that are this product's, registered or not. */
  readonly ours: ReadonlySet<string>;
  /** Those of them that are about to be registered. */
  readonly awaited: ReadonlySet<string>;
  readonly described: DescribedBindings;
}

type Value = Readonly<Record<string, unknown>>;

/** Where an object of a kind has the spec of VMs: the way to what has `metadata` and `spec`. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  VirtualMachineInstance: [],
  VirtualMachine: ["spec", "template"],
  VirtualMachineInstanceReplicaSet: ["spec", "template"],
  VirtualMachinePool: ["spec", "virtualMachineTemplate", "spec", "template"],
};

const ALLOWED: AdmissionAnswer = { causes: [], warnings: [] };

function at(object: Value | undefined, path: readonly string[]): Value | undefined {
  let value: unknown = object;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return isObject(value) ? value : undefined;
}

/** The VMI that an object is, or that is made of it. */
function vmiOf({ metadata }: Value, spec: VmiSpec, { name, namespace }: AdmissionRequest): Vmi {
  const { labels, annotations } = isObject(metadata)
    ? (metadata as Pick<Vmi["metadata"], "labels" | "annotations">)
    : {};
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    // A name that the cluster draws is not known yet.
    metadata: { name: name || "vm", namespace, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
    spec,
  };
}

/** True where all bindings that are not registered are about to be. */
function isAwaited(vmi: Vmi, { configuration, awaited }: ReviewContext): boolean {
  const names = interfacesOf(vmi).flatMap(({ binding }) => (binding === undefined ? [] : [binding.name]));
  return names.filter((name) => registrationOf(configuration, name) === undefined).every((name) => awaited.has(name));
}

/** True for what a VM of ours is refused for: KubeVirt would take it, and it would never run. */
function isRefused({ rule }: Finding, vmi: Vmi, context: ReviewContext): boolean {
  if (rule.consequence === "pending") return !isAwaited(vmi, context);
  return rule.consequence === "neverStarts";
}

/**
 * Reviews a VM, or what VMs are made of. A VM with our bindings is refused for what would keep it from ever running; all else
 * is a warning: KubeVirt itself refuses what it does not take.
 */
export function reviewVm(request: AdmissionRequest, context: ReviewContext): AdmissionAnswer {
  const path = TEMPLATES[request.kind];
  const template = path === undefined ? undefined : at(request.object, path);
  const spec = template === undefined ? undefined : template["spec"];
  if (path === undefined || template === undefined || !isObject(spec)) return ALLOWED;
  // What is stored already is not asked again: a finalizer has to pass.
  if (request.oldObject !== undefined && sameValue(at(request.oldObject, [...path, "spec"]), spec)) return ALLOWED;
  const prefix = path.map((name) => `${name}.`).join("");
  const misshapen = checkVmiSpec(spec).map(({ field, problem, fix }) => `${prefix}${field}: ${problem}; ${fix}`);
  if (misshapen.length > 0) return { causes: [], warnings: misshapen };
  return judge(vmiOf(template, spec as unknown as VmiSpec, request), prefix, request.operation, context);
}

function judge(
  given: Vmi,
  prefix: string,
  operation: AdmissionRequest["operation"],
  context: ReviewContext,
): AdmissionAnswer {
  const { configuration, version, described } = context;
  const { vmi } = defaultVmi(given, configuration);
  const asked = operation === "CREATE" ? "create" : "update";
  const found = findMistakes(vmi, { configuration, version, described, operation: asked });
  const isOurs = !context.isNewer && interfacesOf(vmi).some(({ binding }) => binding && context.ours.has(binding.name));
  const refused = isOurs ? found.filter((one) => isRefused(one, vmi, context)) : [];
  const warned = found.filter((one) => !refused.includes(one));
  return {
    causes: refused.map(({ field, problem, fix, reason, rule }) => {
      return { reason, field: `${prefix}${field}`, message: `[${rule.id}] ${problem}; ${fix}` };
    }),
    warnings: warned.map(({ field, problem, fix, rule }) => `[${rule.id}] ${prefix}${field}: ${problem}; ${fix}`),
  };
}
