import { defined, type Violation } from "@netbind/contract";
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
  applyNamed,
  checkVmiSpec,
  type DescribedBindings,
  defaultVmi,
  type Finding,
  findMistakes,
  type RuleText,
} from "@netbind/kubevirt/admission";
import { type AdmissionAnswer, type AdmissionRequest, ALLOWED } from "./admission-review.ts";
import { askPlanners, type FindGrants, type FindPlanner } from "./ask-planners.ts";
import { delegateBindings } from "./delegated-bindings.ts";
import type { Lookups } from "./lookups.ts";
import { namedByVm } from "./named-by-vm.ts";
import { asInCluster, namedNetworks } from "./named-networks.ts";
import { fieldPrefix, vmTemplateOf } from "./vm-template.ts";

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
  /** Those that KubeVirt attaches by keys of its own. */
  readonly delegated: ReadonlySet<string>;
  readonly described: DescribedBindings;
  /** What a binding may do, by its name. */
  readonly grants: FindGrants;
  /** Finds what VMs name in the cluster; absent: none of that is known. */
  readonly lookups?: Lookups;
  /** Who is asked about NICs; absent: nobody. */
  readonly planners?: FindPlanner;
}

type Value = Readonly<Record<string, unknown>>;

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

/** What is said of a VM, by a rule or by a binding. */
type Said = Violation & Pick<Finding, "reason"> & { readonly rule: Pick<RuleText, "id" | "consequence"> };

/** KubeVirt asks no binding, so it takes the VM; the node agent asks, and does not attach its pod. */
const OF_BINDING = { reason: "FieldValueInvalid", rule: { id: "ADMIT", consequence: "neverStarts" } } as const;

/** True for what a VM of ours is refused for: KubeVirt would take it, and it would never run. */
function isRefused({ rule }: Said, vmi: Vmi, context: ReviewContext): boolean {
  if (rule.id === "REG-1") return !isAwaited(vmi, context);
  return rule.consequence === "pending" || rule.consequence === "neverStarts";
}

/** A place of an object that VMs are made of. */
interface Template {
  readonly object: Value;
  readonly spec: VmiSpec;
  /** The spec of the VirtualMachine that it is in; undefined: it is in none. */
  readonly vmSpec: unknown;
  /** What its fields begin with. */
  readonly prefix: string;
}

/**
 * Reviews a VM, or what VMs are made of. A VM with our bindings is refused for what would keep it from ever running; all else
 * is a warning: KubeVirt itself refuses what it does not take.
 */
export async function reviewVm(request: AdmissionRequest, context: ReviewContext): Promise<AdmissionAnswer> {
  const found = vmTemplateOf(request);
  if (found === undefined) return ALLOWED;
  const { template, spec, stored, vmSpec, path } = found;
  // What is stored already is not asked again: a finalizer has to pass.
  if (stored !== undefined && sameValue(stored, spec)) return ALLOWED;
  const prefix = fieldPrefix(path);
  const misshapen = checkVmiSpec(spec).map(({ field, problem, fix }) => `${prefix}${field}: ${problem}; ${fix}`);
  if (misshapen.length > 0) return { causes: [], warnings: misshapen };
  return await judge(request, { object: template, spec: spec as unknown as VmiSpec, vmSpec, prefix }, context);
}

/** What is found of a VM, and what could not be asked. */
interface Findings {
  /** As its author wrote it, with its defaults. */
  readonly written: Vmi;
  /** As KubeVirt will have it. */
  readonly vmi: Vmi;
  readonly found: readonly Said[];
  readonly failures: readonly string[];
}

/** All that is found of a VM. */
async function findAll(
  request: AdmissionRequest,
  { object, spec, vmSpec }: Template,
  context: ReviewContext,
): Promise<Findings> {
  const { configuration, version, described, lookups, planners, grants } = context;
  const given = vmiOf(object, spec, request);
  const { isPreferenceUnknown, ...named } = await namedByVm(vmSpec, request.namespace, lookups);
  const { vmi: written } = defaultVmi(applyNamed(given, named, configuration), configuration);
  const { vmi } = delegateBindings(written, context.delegated);
  const networks = await namedNetworks(vmi, configuration, lookups);
  const operation = request.operation === "CREATE" ? "create" : "update";
  const known = { configuration, version, described, operation, ...defined({ nads: networks.nads }) } as const;
  const seen = [...asInCluster(findMistakes(vmi, known), networks), ...networks.findings];
  // A NIC without a binding may get one from a preference.
  const byRules = isPreferenceUnknown ? seen.filter(({ rule }) => !["BIND-1", "BIND-5"].includes(rule.id)) : seen;
  const { violations, failures } = await askPlanners(written, planners ?? (() => undefined), grants);
  const byBindings = violations.filter(({ field }) => !byRules.some((one) => one.field === field));
  return { written, vmi, found: [...byRules, ...byBindings.map((one) => ({ ...one, ...OF_BINDING }))], failures };
}

async function judge(request: AdmissionRequest, template: Template, context: ReviewContext): Promise<AdmissionAnswer> {
  const { written, vmi, found, failures } = await findAll(request, template, context);
  const { prefix } = template;
  const names = interfacesOf(written).flatMap(({ binding }) => binding?.name ?? []);
  const isOurs = !context.isNewer && names.some((name) => context.ours.has(name));
  const refused = isOurs ? found.filter((one) => isRefused(one, vmi, context)) : [];
  const warned = found.filter((one) => !refused.includes(one));
  return {
    causes: refused.map(({ field, problem, fix, reason, rule }) => {
      return { reason, field: `${prefix}${field}`, message: `[${rule.id}] ${problem}; ${fix}` };
    }),
    warnings: [
      ...warned.map(({ field, problem, fix, rule }) => `[${rule.id}] ${prefix}${field}: ${problem}; ${fix}`),
      ...failures,
    ],
  };
}
