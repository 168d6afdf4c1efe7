import {
  defined,
  type DomainPlan,
  type NetworkPlan,
  type PodLink,
  type ServicePlan,
  type Sysctl,
} from "@netbind/contract";
import { nicDomain, patchDomain, tapDomain, writeTapInterface } from "@netbind/domain";
import { guestResolver, podHostname, type PodNetworkRequest, podResolvConf } from "@netbind/kubevirt/pod";
import { attachmentOf, desiredNetwork, nicInPod } from "../attach.ts";
import type { DecidedNic, Decision } from "../decide.ts";
import { formatTable } from "../network/nft.ts";
import type { PlannedNic } from "../plan/authorize-networks.ts";
import { authorize } from "../plan/authorize.ts";
import { plannerFor } from "../plan/checked-planner.ts";
import { type GrantsByBinding, grantsOf } from "../plan/grants.ts";
import { type NicPlanner, planNic } from "../plan/plan-nic.ts";
import { type ServiceProcess, serviceProcesses, serviceWarnings } from "../services/service-processes.ts";
import { assumedDevices, assumedLink } from "./assumed-link.ts";

/** What would be made for a NIC. */
export interface NicPreview {
  readonly name: string;
  readonly binding: string;
  /** What is not known before the pod exists. */
  readonly assumed: readonly string[];
  readonly pod: PodLink;
  /** Queues of its tap, and what they take of the node's memory beside the guest's. */
  readonly queues?: number;
  readonly queueMemoryBytes?: number;
  readonly links: NetworkPlan["links"];
  readonly routes: PodLink["routes"];
  readonly sysctls?: readonly Sysctl[];
  /** The rules of its table, as nft(8) prints them. */
  readonly nftables: string;
  readonly services: readonly ServicePlan[];
  readonly processes: readonly ServiceProcess[];
  readonly domain: DomainPlan;
  /** What does not reach the guest, and why. */
  readonly warnings?: readonly string[];
}

/** What would be made for a VM. */
export interface VmPreview extends Pick<Decision, "pod" | "networks" | "memoryOverhead"> {
  /** `namespace/name` */
  readonly vm: string;
  readonly nics: readonly NicPreview[];
  /** The domain as libvirt gets it. */
  readonly domainXml: string;
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

/** What a VM is planned with. */
export interface PreviewContext {
  /** The domain without its NICs. */
  readonly domainXml: string;
  /** Links of the pod that are known; others are assumed. */
  readonly given: readonly PodLink[];
  readonly grants: GrantsByBinding;
  /** The planner of a binding. @throws BindingError where there is none */
  readonly planner: (binding: string) => NicPlanner;
}

/**
 * The link that was given for a NIC: by its name; for the primary network also one that belongs to no other NIC,
 * whatever its name.
 */
function givenLink({ spec, names }: DecidedNic, { nics }: Decision, given: readonly PodLink[]): PodLink | undefined {
  const isPrimaryNic = spec.network.kind === "pod" || spec.network.default;
  const others = nics.filter((other) => other.spec.name !== spec.name);
  return (
    given.find(({ name }) => name === names.pod) ??
    (isPrimaryNic ? given.find(({ name }) => others.every((other) => other.names.pod !== name)) : undefined)
  );
}

/** What is made of a NIC: what is shown of it, its part of the domain, and what the next NIC's plan is held against. */
interface PlannedOne extends PlannedNic {
  readonly preview: NicPreview;
  readonly xml: (domain: string) => string;
}

/** A NIC in the pod that is assumed for it, and what of that is assumed. */
function assumedNic(decided: DecidedNic, decision: Decision, links: readonly PodLink[]) {
  const given = givenLink(decided, decision, links);
  const nic = nicInPod(decided, given?.name);
  const request = requestOf(decided, decision);
  const pod = given ?? assumedLink(nic, request);
  const devices = assumedDevices(nic, request);
  const resolvConf = guestResolver(podResolvConf(decision.vmi.spec, ASSUMED_RESOLV_CONF), decision.vmi.spec.subdomain);
  const attachment = attachmentOf(nic, pod, defined({ devices, resolvConf, hostname: podHostname(decision.vmi) }));
  const assumed = [...(given === undefined ? ["pod"] : []), ...(devices === undefined ? [] : ["device"]), "resolvConf"];
  return { nic, pod, attachment, assumed };
}

async function planOne(
  decided: DecidedNic,
  decision: Decision,
  { given, grants, planner, others }: PreviewContext & { readonly others: readonly PlannedNic[] },
): Promise<PlannedOne> {
  const { nic, pod, attachment, assumed } = assumedNic(decided, decision, given);
  const { binding } = nic;
  const planned = await planNic(
    plannerFor(nic, decision.bindings, () => planner(binding)),
    attachment,
    binding,
  );
  const plan = authorize(planned, { attachment, grants: grantsOf(binding, grants), others });
  const { table, plan: network } = desiredNetwork(nic.names, plan, pod);
  const { services = [], domain } = plan;
  const warnings = serviceWarnings(nic.spec.name, services);
  const preview = {
    ...{ name: nic.spec.name, binding, assumed, pod, ...queuesOf(nic), links: network.links, routes: pod.routes },
    ...defined({ sysctls: network.sysctls }),
    ...{
      nftables: formatTable(table, network.nftables ?? []),
      services,
      processes: serviceProcesses(services),
      domain,
    },
    ...defined({ warnings: warnings.length === 0 ? undefined : warnings }),
  };
  const xml = (text: string): string =>
    domain.kind === "tap"
      ? writeTapInterface(text, tapDomain(attachment, plan))
      : patchDomain(text, nicDomain(attachment), domain);
  return { preview, xml, attachment, plan };
}

/** NICs as a domain gets them: the host writes those on taps, and then each sidecar is asked for its binding's. */
function inDomainOrder<T extends { readonly preview: NicPreview }>(
  nics: readonly T[],
  { bindings }: Decision,
): readonly T[] {
  const place = ({ preview: { binding, domain } }: T): number =>
    domain.kind === "tap" ? -1 : bindings.findIndex(({ name }) => name === binding);
  return [...nics].sort((a, b) => place(a) - place(b));
}

/**
 * What would be made for a VM, without touching anything. What is not known before there is a pod is assumed, and marked so.
 *
 * @throws BindingError where a binding does not answer, or plans what it may not
 */
export async function previewVm(decision: Decision, context: PreviewContext): Promise<VmPreview> {
  const nics: PlannedOne[] = [];
  for (const nic of decision.nics) nics.push(await planOne(nic, decision, { ...context, others: nics }));
  const { pod, memoryOverhead, networks, vmi } = decision;
  return {
    vm: `${vmi.metadata.namespace}/${vmi.metadata.name}`,
    pod,
    memoryOverhead,
    networks,
    nics: nics.map(({ preview }) => preview),
    domainXml: inDomainOrder(nics, decision).reduce((xml, nic) => nic.xml(xml), context.domainXml),
  };
}
