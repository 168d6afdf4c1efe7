import type { Binding, PodLink } from "@netbind/contract";
import { type GrantsByBinding, type NicPlanner, plannerOf, previewVm } from "@netbind/engine";
import { buildBaseDomain } from "@netbind/local";
import { formatPlan, type PlannedVm, summarizePlan } from "@netbind/view";
import type { PluginSources } from "../plugins/plugin-sources.ts";
import { type DecidedFiles, type DecidedVm, decideInput } from "./decide-input.ts";
import { versionData } from "./asked-version.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { failureJson, printError } from "../failure.ts";
import { type OutputFormat, print, printData, printMessage } from "../output.ts";
import { findHostDiskProblems } from "../vms/host-disk-problems.ts";
import { readPodLinks } from "../input/named-files.ts";
import { nameOfVm } from "../plugins/plugin-failures.ts";
import { grantsIn, type OpenPlugins, openPlugins } from "../plugins/open-plugins.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { InputError, noPlanner } from "../errors.ts";

/** The options of `netbind plan`. */
export interface PlanOptions extends DecidedFiles {
  readonly podLink: readonly string[];
  /** Directories that disks of the machine's may be in. */
  readonly hostDisk: readonly string[];
  readonly plugin: PluginSources;
  /** A file of grants. */
  readonly grants?: string;
  /** True where all of a plan is printed as text, and not what it comes to. */
  readonly verbose: boolean;
  readonly output: OutputFormat;
}

/** What VMs' plans are made with. */
interface PlanContext {
  /** Links of the pod that were given. */
  readonly given: readonly PodLink[];
  readonly plugins: OpenPlugins;
  readonly own: ReadonlyMap<string, Binding>;
  readonly grants: GrantsByBinding;
}

/** What plans for a binding: what the command line names, else this release's own. @throws BindingError UNAVAILABLE where there is neither */
function plannerFor(name: string, { plugins, own }: PlanContext): NicPlanner {
  const binding = own.get(name);
  const planner = plugins.asked.get(name) ?? (binding === undefined ? undefined : plannerOf(binding));
  if (planner !== undefined) return planner;
  throw noPlanner(name);
}

/** The plans that could be made, and for which VMs none could. */
interface Planned {
  readonly plans: readonly PlannedVm[];
  readonly failed: readonly { readonly vm: string; readonly error: unknown }[];
}

/** Plans each VM by itself. */
async function planAll(vms: readonly DecidedVm[], context: PlanContext): Promise<Planned> {
  const plans: PlannedVm[] = [];
  const failed: { readonly vm: string; readonly error: unknown }[] = [];
  for (const { vm, decision } of vms) {
    try {
      const { given, grants } = context;
      const domainXml = buildBaseDomain({ vmi: vm.vmi, accelerator: "kvm", disks: [] });
      const planner = (name: string): NicPlanner => plannerFor(name, context);
      plans.push({ preview: await previewVm(decision, { domainXml, given, grants, planner }), decision });
    } catch (error) {
      failed.push({ vm: nameOfVm(vm), error });
    }
  }
  return { plans, failed };
}

/** Prints plans for a person: what they come to, or all of them. */
function printPlans(plans: readonly PlannedVm[], verbose: boolean): void {
  for (const [at, one] of plans.entries())
    print(`${at === 0 ? "" : "\n"}${verbose ? formatPlan(one) : summarizePlan(one)}`);
  if (!verbose && plans.length > 0)
    print("\nFor the pod, links, sysctls, nftables, services and the domain: netbind plan -v; as data: -o json.");
}

/** Prints plans, and last which VMs have none: what concerns several is printed once. Gives the exit code. */
function reportPlans({ plans, failed }: Planned, kubevirt: object, { output, verbose }: PlanOptions): number {
  const [first] = failed;
  if (output !== "text") {
    const errors = failed.map(({ vm, error }) => ({ vm, ...failureJson(error) }));
    const data = plans.map(({ preview }) => ({ ...preview, kubevirt }));
    if (first !== undefined) printData({ plans: data, error: failureJson(first.error), errors }, output);
    else printData(data.length === 1 ? data[0] : data, output);
  } else printPlans(plans, verbose);
  const texts = Map.groupBy(failed, ({ error }) => (error instanceof Error ? error.message : String(error)));
  for (const same of texts.values()) {
    printError(same[0]?.error);
    printMessage(`not planned: ${same.map(({ vm }) => vm).join(", ")}`);
  }
  return first === undefined ? EXIT.ok : exitCodeOf(first.error);
}

/** `netbind plan`: what `run` would do, without touching anything. */
export async function plan(options: PlanOptions, resolve: Resolve): Promise<number> {
  const grants = grantsIn(options.grants, resolve);
  const given = readPodLinks(options.podLink);
  await using plugins = await openPlugins(options.plugin, resolve);
  const { vms, chosen } = await decideInput(options, resolve, plugins, grants);
  const problems = await findHostDiskProblems(
    { state: resolve(TOKENS.state), exec: resolve(TOKENS.exec) },
    vms,
    options.hostDisk,
  );
  if (problems.length > 0) throw new InputError(problems);
  const context = { given, plugins, own: resolve(TOKENS.bindings), grants };
  return reportPlans(await planAll(vms, context), versionData(chosen), options);
}
