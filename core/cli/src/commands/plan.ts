import { type Binding, BindingError, type PodLink } from "@netbind/contract";
import {
  attachmentOf,
  authorize,
  type DecidedNic,
  type Decision,
  type GrantsByBinding,
  grantsOf,
  nicInPod,
  type NicPlanner,
  type PlannedNic,
  plannerFor,
  plannerOf,
  planNic,
  serviceProcesses,
  serviceWarnings,
  formatTable,
  desiredNetwork,
} from "@netbind/engine";
import { guestResolver, podHostname, type PodNetworkRequest, podResolvConf } from "@netbind/kubevirt/pod";
import { nicDomain, patchDomain, tapDomain, writeTapInterface } from "@netbind/domain";
import type { Vmi } from "@netbind/kubevirt";
import { buildBaseDomain } from "@netbind/local";
import { formatPlan, type ShownNic, type ShownPlan } from "@netbind/view";
import { type DecidedVm, decideInput } from "../decide-input.ts";
import type { InputFiles } from "../input/read-input.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { failureJson, tellError } from "../failure.ts";
import { assumedDevices, assumedLink } from "./assumed-link.ts";
import { type OutputFormat, print, printJson, printMessage } from "../output.ts";
import { findHostDiskProblems } from "../host-disk-problems.ts";
import { readPodLinks } from "../named-files.ts";
import { nameOfVm } from "../plugin-failures.ts";
import { grantsIn, type OpenPlugins, openPlugins } from "../plugins.ts";
import type { PluginSources } from "../program-options.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { InputError } from "../violations.ts";

export interface PlanOptions extends InputFiles {
  readonly podLink: readonly string[];
  /** Directories that disks of the machine's may be in. */
  readonly hostDisk: readonly string[];
  readonly plugin: PluginSources;
  /** A file of grants. */
  readonly grants?: string;
  readonly output: OutputFormat;
}

/** The resolver of a pod of which nothing is known. */
const ASSUMED_RESOLV_CONF = "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n";

/** What a queue takes of the node's memory, in the driver that moves its packets (the guide's figure). */
const BYTES_PER_QUEUE = 64 * 1024;

const queuesOf = ({ queues }: DecidedNic): { readonly queues?: number; readonly queueMemoryBytes?: number } =>
  queues === 0 ? {} : { queues, queueMemoryBytes: queues * BYTES_PER_QUEUE };

/** The attachment that makes a NIC's pod link. */
const requestOf = ({ spec, names }: DecidedNic, { networks }: Decision): PodNetworkRequest | undefined =>
  networks.find(({ network, ifname }) => network === spec.name && ifname === names.pod);

/** What NICs are planned with. */
interface PlanContext {
  /** Links of the pod that were given. */
  readonly given: readonly PodLink[];
  readonly plugins: OpenPlugins;
  readonly own: ReadonlyMap<string, Binding>;
  readonly grants: GrantsByBinding;
}

function findPlanner(nic: DecidedNic, decision: Decision, { plugins, own }: PlanContext): NicPlanner {
  return plannerFor(nic, decision.bindings, () => {
    const binding = own.get(nic.binding);
    const planner = plugins.asked.get(nic.binding) ?? (binding === undefined ? undefined : plannerOf(binding));
    if (planner !== undefined) return planner;
    throw new BindingError(
      "UNAVAILABLE",
      `no plugin is named for binding "${nic.binding}"`,
      `name its plugin: --plugin ${nic.binding}=FILE`,
    );
  });
}

/** The link that was given for a NIC: by its name; for the primary network also one that is no other NIC's, whatever its name. */
function givenLink({ spec, names }: DecidedNic, { nics }: Decision, given: readonly PodLink[]): PodLink | undefined {
  const isPrimaryNic = spec.network.kind === "pod" || spec.network.default;
  const others = nics.filter((other) => other.spec.name !== spec.name);
  return (
    given.find(({ name }) => name === names.pod) ??
    (isPrimaryNic ? given.find(({ name }) => others.every((other) => other.names.pod !== name)) : undefined)
  );
}

/** What `plan` makes of a NIC: what it shows, its part of the domain, and what the next NIC's plan is held against. */
interface PlannedOne extends PlannedNic {
  readonly shown: ShownNic;
  readonly xml: (domain: string) => string;
}

async function planOne(
  decided: DecidedNic,
  decision: Decision,
  context: PlanContext & { readonly others: readonly PlannedNic[] },
): Promise<PlannedOne> {
  const given = givenLink(decided, decision, context.given);
  const nic = nicInPod(decided, given?.name);
  const pod = given ?? assumedLink(nic, requestOf(decided, decision));
  const devices = assumedDevices(nic, requestOf(decided, decision));
  const facts = {
    ...(devices === undefined ? {} : { devices }),
    resolvConf: guestResolver(podResolvConf(decision.vmi.spec, ASSUMED_RESOLV_CONF), decision.vmi.spec.subdomain),
    hostname: podHostname(decision.vmi),
  };
  const attachment = attachmentOf(nic, pod, facts);
  const planned = await planNic(findPlanner(nic, decision, context), attachment, nic.binding);
  const plan = authorize(planned, { attachment, grants: grantsOf(nic.binding, context.grants), others: context.others });
  const { table, plan: network } = desiredNetwork(nic.names, plan, pod);
  const nft = formatTable(table, network.nftables ?? []);
  const assumed = [...(given === undefined ? ["pod"] : []), ...(devices === undefined ? [] : ["device"])];
  const warnings = serviceWarnings(nic.spec.name, plan.services ?? []);
  const shown = {
    name: nic.spec.name,
    binding: nic.binding,
    assumed: [...assumed, "resolvConf"],
    pod,
    ...queuesOf(nic),
    links: network.links,
    routes: pod.routes,
    sysctls: network.sysctls,
    nftables: nft,
    services: plan.services ?? [],
    processes: serviceProcesses(plan.services ?? []),
    domain: plan.domain,
    ...(warnings.length === 0 ? {} : { warnings }),
  };
  const xml = (domain: string): string =>
    plan.domain.kind === "tap"
      ? writeTapInterface(domain, tapDomain(attachment, plan))
      : patchDomain(domain, nicDomain(attachment), plan.domain);
  return { shown, xml, attachment, plan };
}

/** NICs as a domain gets them: the host writes those on taps, and then each sidecar is asked for its binding's. */
function inDomainOrder<T extends { readonly shown: ShownNic }>(nics: readonly T[], { bindings }: Decision): readonly T[] {
  const place = ({ shown: { binding, domain } }: T): number =>
    domain.kind === "tap" ? -1 : bindings.findIndex(({ name }) => name === binding);
  return [...nics].sort((a, b) => place(a) - place(b));
}

async function planVm(vmi: Vmi, decision: Decision, context: PlanContext): Promise<ShownPlan> {
  const nics: PlannedOne[] = [];
  for (const nic of decision.nics) nics.push(await planOne(nic, decision, { ...context, others: nics }));
  const base = buildBaseDomain({ vmi, accelerator: "kvm", disks: [] });
  const { pod, memoryOverhead, networks } = decision;
  return {
    vm: `${vmi.metadata.namespace}/${vmi.metadata.name}`,
    pod,
    memoryOverhead,
    networks,
    nics: nics.map(({ shown }) => shown),
    domainXml: inDomainOrder(nics, decision).reduce((xml, nic) => nic.xml(xml), base),
  };
}

/** The plans that could be made, and for which VMs none could. */
interface Planned {
  readonly plans: readonly ShownPlan[];
  readonly failed: readonly { readonly vm: string; readonly error: unknown }[];
}

/** Plans each VM by itself. */
async function planAll(vms: readonly DecidedVm[], context: PlanContext): Promise<Planned> {
  const plans: ShownPlan[] = [];
  const failed: { readonly vm: string; readonly error: unknown }[] = [];
  for (const { vm, decision } of vms) {
    try {
      plans.push(await planVm(vm.vmi, decision, context));
    } catch (error) {
      failed.push({ vm: nameOfVm(vm), error });
    }
  }
  return { plans, failed };
}

/** Prints plans, and last which VMs have none: what is told of several is told once. Gives the exit code. */
function reportPlans({ plans, failed }: Planned, output: OutputFormat): number {
  const [first] = failed;
  if (output === "json") {
    const errors = failed.map(({ vm, error }) => ({ vm, ...failureJson(error) }));
    if (first !== undefined) printJson({ plans, error: failureJson(first.error), errors });
    else printJson(plans.length === 1 ? plans[0] : plans);
  } else for (const one of plans) print(formatPlan(one));
  const texts = Map.groupBy(failed, ({ error }) => (error instanceof Error ? error.message : String(error)));
  for (const same of texts.values()) {
    tellError(same[0]?.error);
    printMessage(`not planned: ${same.map(({ vm }) => vm).join(", ")}`);
  }
  return first === undefined ? EXIT.ok : exitCodeOf(first.error);
}

/** `netbind plan`: what `run` would do, without touching anything. */
export async function plan(options: PlanOptions, resolve: Resolve): Promise<number> {
  const grants = grantsIn(options.grants, resolve);
  const given = readPodLinks(options.podLink);
  await using plugins = await openPlugins(options.plugin, resolve);
  const { vms } = await decideInput(options, resolve, plugins, grants);
  const problems = await findHostDiskProblems({ state: resolve(TOKENS.state), exec: resolve(TOKENS.exec) }, vms, options.hostDisk);
  if (problems.length > 0) throw new InputError(problems);
  const context = { given, plugins, own: resolve(TOKENS.bindings), grants };
  return reportPlans(await planAll(vms, context), options.output);
}
