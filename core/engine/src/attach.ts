import { type Attachment, defined, type NicNames, type Plan, type PodLink, type ResolvConf } from "@netbind/contract";
import { derivedNames, podLinkOfStatus } from "@netbind/kubevirt";
import { allocatedDevices, deviceInfoOf, type Environment } from "@netbind/kubevirt/pod";
import { authorize } from "./plan/authorize.ts";
import { type Grants, grantsOf } from "./plan/grants.ts";
import type { NicsDecision, DecidedNic, Decision } from "./decide.ts";
import type { DesiredNetwork } from "./network/desired-network.ts";
import { serverGuardOf } from "./network/server-guard.ts";
import { loopbackGuardOf } from "./network/loopback-guard.ts";
import { nicTable } from "./network/nft.ts";
import { guestMac } from "./nic-status.ts";
import { type NicPlanner, planNic } from "./plan/plan-nic.ts";
import { plannerFor } from "./plan/checked-planner.ts";
import { plannedSysctls } from "./plan/authorize-together.ts";
import type { PlannedNic } from "./plan/authorize-networks.ts";
import { isAdopted } from "./plan/planned-links.ts";

/** What a NIC is once it is attached: all of it is in the host's record too. */
export interface AttachedNic {
  readonly nic: DecidedNic;
  readonly attachment: Attachment;
  readonly plan: Plan;
}

/** What a pod's containers know about its devices. */
export interface PodDevices {
  /** The variables of its device plugins. */
  readonly environment: Environment;
  /** The file that describes each network's device (`/etc/podinfo/network-info`). */
  readonly networkInfo: string;
}

/** What a host knows about a pod that has its network, beside the links. */
export interface PodContext {
  readonly resolvConf: ResolvConf;
  readonly hostname: string;
  /** What the node's device plugins gave the pod. Absent: nothing. */
  readonly devices?: PodDevices;
  /** Why the pod's NICs are attached. Absent: the VM boots. */
  readonly cause?: Attachment["cause"];
  /** The pod's primary link, where it was not known when the NICs were decided about. */
  readonly primaryLink?: string;
  /** Of the libvirt in the pod. Absent: this release's own. */
  readonly libvirtVersion?: string;
}

/** What a NIC's network must look like, without what only a host knows. */
export type NicNetwork = Omit<DesiredNetwork, "owner" | "appliedTable" | "placeholderKind">;

/** A pod's network, as every host makes it: what is found and what is wanted is recorded before it is acted on. */
export interface HostNetwork {
  /** The recorded value of a NIC's fact; found and recorded first where there is none. */
  recordOnce<T>(nic: string, fact: "podLink" | "plan", find: () => Promise<T>): Promise<T>;
  /** The pod's link as it is now. */
  observe(names: NicNames): Promise<PodLink>;
  /** Makes what is there into what is wanted. */
  apply(nic: string, desired: NicNetwork): Promise<void>;
  startServices(plan: Plan): Promise<void>;
}

/** A place where pods are: one machine, or a node of a cluster. The engine decides; a host does, and keeps the record. */
export interface Host<D extends NicsDecision = Decision> {
  readonly network: HostNetwork;
  /** Makes the pod, its networks and its sidecars; or sees that they are there. */
  preparePod(decision: D): Promise<PodContext>;
  /** What the administrator lets a binding do, where that is not what this release says. */
  grants?(binding: string): Grants;
  /** Asks the binding, wherever it runs. */
  planner(binding: string): NicPlanner;
  /** Hands a binding's NICs to its sidecar. Now the hook socket appears. */
  attach(binding: string, nics: readonly AttachedNic[]): Promise<void>;
}

function devicesOf(
  { spec, resourceName }: DecidedNic,
  { devices }: PodContext,
): Pick<Attachment, "deviceInfo" | "allocatedDevices"> {
  const info = devices && deviceInfoOf(devices.networkInfo, spec.name);
  return {
    ...defined({ deviceInfo: info }),
    allocatedDevices:
      devices === undefined || resourceName === undefined ? [] : allocatedDevices(devices.environment, resourceName),
  };
}

/** What the core knows of a NIC before it is planned, joined with what the pod showed. */
export function attachmentOf(nic: DecidedNic, pod: PodLink, context: PodContext): Attachment {
  return {
    ...nic.spec,
    cause: context.cause ?? "boot",
    mac: guestMac(nic, pod),
    index: nic.index,
    queues: nic.queues,
    pod,
    ...devicesOf(nic, context),
    names: nic.names,
    resolvConf: context.resolvConf,
    hostname: context.hostname,
    migrationTransport: nic.migrationTransport,
    ...defined({ libvirtVersion: context.libvirtVersion }),
  };
}

/** The network part of a plan, with what its services need. */
export function desiredNetwork(names: NicNames, plan: Plan, podLink: PodLink): NicNetwork {
  const network = plan.network ?? { links: [] };
  // A link that is taken over is not kept as it was, and of a device that is the guest's there is none.
  const isGuests = plan.domain.kind === "hostdev" || plan.domain.kind === "vdpa";
  const kept = !isGuests && !isAdopted(plan);
  const serverGuard = serverGuardOf(plan);
  const guard = loopbackGuardOf(network.links);
  return {
    table: { ...nicTable(names.pod), ...defined({ serverGuard, guard }) },
    podLinkName: podLink.name,
    ...defined({ podLink: kept ? podLink : undefined }),
    plan: { ...network, sysctls: plannedSysctls(plan) },
  };
}

/**
 * A NIC with the names that it has in this pod: those of the primary network are made of the pod's primary link.
 *
 * @throws BindingError POD_LINK_MISSING where no link can have that name
 */
export function nicInPod(nic: DecidedNic, primaryLink: string | undefined): DecidedNic {
  const { network } = nic.spec;
  const isPrimaryNic = network.kind === "pod" || network.default;
  if (primaryLink === undefined || !isPrimaryNic || primaryLink === nic.names.pod) return nic;
  const pod = podLinkOfStatus(primaryLink);
  return { ...nic, names: derivedNames({ name: nic.spec.name, pod: {} }, pod) };
}

/** What a NIC is attached with. */
export interface AttachContext<D extends NicsDecision> {
  readonly decision: D;
  readonly context: PodContext;
  /** The pod's other NICs that are planned already: no plan contradicts theirs. */
  readonly others: readonly PlannedNic[];
}

/** One NIC of a pod that has its links: observed, planned, authorized, applied, served. */
export async function attachNic<D extends NicsDecision>(
  host: Host<D>,
  decided: DecidedNic,
  { decision, context, others }: AttachContext<D>,
): Promise<AttachedNic> {
  const { network } = host;
  const nic = nicInPod(decided, context.primaryLink);
  const { name } = nic.spec;
  const podLink = await network.recordOnce(name, "podLink", () => network.observe(nic.names));
  const attachment = attachmentOf(nic, podLink, context);
  const plan = await network.recordOnce(name, "plan", async () => {
    const planner = plannerFor(nic, decision.bindings, () => host.planner(nic.binding));
    const grants = host.grants?.(nic.binding) ?? grantsOf(nic.binding);
    return authorize(await planNic(planner, attachment, nic.binding), { attachment, grants, others });
  });
  await network.apply(name, desiredNetwork(nic.names, plan, podLink));
  await network.startServices(plan);
  return { nic, attachment, plan };
}

/**
 * One VMI's way: a decided VMI becomes a pod whose NICs are observed, planned, applied, served, and handed to their
 * sidecars. Each step is recorded before it is acted on; called again it goes on where the record ends.
 */
export async function attachVmi<D extends NicsDecision>(host: Host<D>, decision: D): Promise<readonly AttachedNic[]> {
  const context = await host.preparePod(decision);
  const attached: AttachedNic[] = [];
  for (const nic of decision.nics) attached.push(await attachNic(host, nic, { decision, context, others: attached }));
  for (const binding of decision.bindings) {
    await host.attach(
      binding.name,
      attached.filter(({ nic }) => nic.binding === binding.name),
    );
  }
  return attached;
}
