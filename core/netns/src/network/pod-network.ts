import { join } from "node:path";
import { defined, type NicNames, type Plan, type PodLink } from "@netbind/contract";
import {
  countOperations,
  diffNetwork,
  forLauncherGroup,
  type HostNetwork,
  type NicNetwork,
  nicTable,
  type ObservedNetwork,
  type PlaceholderKind,
  podLinkOf,
  type ServiceProcess,
  serviceProcesses,
  type TapOwner,
  type DesiredNetwork,
} from "@netbind/engine";
import { applyNetwork, makesTap } from "./apply.ts";
import { derivedName } from "./derived-name.ts";
import { observe } from "./observe.ts";
import { KnownListings } from "./known-listings.ts";
import { findPlaceholderKind } from "./placeholder.ts";
import type { PodRecordStore } from "./pod-record.ts";
import { bareMountsIn } from "../sandbox/bare-mounts.ts";
import { endProcesses } from "../exec/end-processes.ts";
import { type Exec, inNetns } from "../exec/exec.ts";
import { startService } from "../services/services.ts";
import { missingPodLink, unrecoverableNetwork } from "../errors.ts";

/** What a pod's network is made with. */
export interface PodNetworkParts {
  /** Path of the pod's network namespace. */
  readonly netns: string;
  readonly exec: Exec;
  readonly recordFile: PodRecordStore;
  /** Who may open the pod's taps. */
  readonly owner: TapOwner;
  /** Finds the SELinux label of the process that opens them: asked where one is made. Absent: they have the caller's. */
  readonly tapLabel?: () => Promise<string | undefined>;
  /** Where logs of the pod's services are kept. */
  readonly directory: string;
  /** The directory of the mount namespace that services' sandboxes are made in, where it is made; absent: the caller's. */
  readonly mounts?: string;
  /** The control group of the pod's services; absent: the caller's. */
  readonly cgroup?: string;
  /** What is reported of a link that the pod has no more; absent: nothing is. */
  readonly reportedLink?: (name: string) => PodLink | undefined;
}

/** The file that a server's output goes to, in its pod's directory. */
export const serviceLog = (directory: string, role: string): string =>
  join(directory, derivedName("service", { text: role }, ".log"));

/** Waits until everything is over, and then throws what failed first in the list. */
export async function all(parts: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(parts)) if (outcome.status === "rejected") throw outcome.reason;
}

/** Of all pods: what one pod's rules are listed as is known for the next one that has the same. */
const LISTINGS = new KnownListings();

/** The network of one pod, as every host makes it: looked at once, applied by difference, recorded before it is acted on. */
export class PodNetwork implements HostNetwork {
  readonly #parts: PodNetworkParts;
  /** The pod as it was last looked at, while nothing was done to it since. */
  #seen: ObservedNetwork | undefined;

  constructor(parts: PodNetworkParts) {
    this.#parts = parts;
  }

  get #execIn(): Exec {
    return inNetns(this.#parts.netns, this.#parts.exec);
  }

  async recordOnce<T>(nic: string, fact: "podLink" | "plan", find: () => Promise<T>): Promise<T> {
    const { recordFile } = this.#parts;
    const known = recordFile.record.nics[nic]?.[fact];
    if (known !== undefined) return known as T;
    const found = await find();
    // It is acted on by nothing before `apply`, which writes all of it.
    recordFile.stageNic(nic, { [fact]: found });
    return found;
  }

  /** The NIC's pod link as it is now. @throws BindingError POD_LINK_MISSING */
  async observe(names: NicNames): Promise<PodLink> {
    const reported = this.#parts.reportedLink?.(names.pod);
    if (reported !== undefined) return reported;
    this.#seen = await observe(this.#execIn, { table: nicTable(names.pod) });
    const link = podLinkOf(this.#seen, names.pod, names.tap);
    if (link !== undefined) return link;
    throw missingPodLink(names.pod);
  }

  async apply(nic: string, desired: NicNetwork): Promise<void> {
    const { recordFile, owner } = this.#parts;
    const { appliedTable, desired: before } = recordFile.record.nics[nic] ?? {};
    const complete: DesiredNetwork = {
      ...desired,
      plan: forLauncherGroup(desired.plan, owner),
      owner,
      placeholderKind: await this.#placeholderKind(desired),
      ...defined({ appliedTable }),
    };
    // The first time nothing was done since the pod was looked at; after an interruption that is not known.
    const firstObserved = before === undefined ? this.#seen : undefined;
    this.#seen = undefined;
    const sysctls = (desired.plan.sysctls ?? []).map(({ key }) => key);
    const observed = firstObserved ?? (await observe(this.#execIn, { sysctls, table: desired.table }));
    const operations = diffNetwork(complete, observed);
    const isNew = observed.table === null;
    // The next difference needs how the kernel lists the table.
    const known = isNew ? LISTINGS.find(operations.nft) : undefined;
    recordFile.updateNic(nic, { desired: complete, ...defined({ appliedTable: known }) });
    const [unrecoverable] = operations.unrecoverable;
    if (unrecoverable !== undefined) throw unrecoverableNetwork(unrecoverable);
    if (countOperations(operations) === 0) return;
    const tapLabel = makesTap(operations) ? await this.#parts.tapLabel?.() : undefined;
    const listed = operations.nft.length > 0 && known === undefined ? desired.table : undefined;
    const listing = await applyNetwork(this.#execIn, operations, defined({ tapLabel, listed }));
    if (listing === undefined) return;
    recordFile.updateNic(nic, { appliedTable: listing });
    if (isNew) LISTINGS.keep(operations.nft, listing);
  }

  /** What this kernel has for a placeholder, asked only where a plan has one. */
  async #placeholderKind({ plan }: NicNetwork): Promise<PlaceholderKind> {
    return plan.links.some(({ kind }) => kind === "placeholder") ? findPlaceholderKind(this.#execIn) : "dummy";
  }

  async startServices(plan: Plan): Promise<void> {
    await all(serviceProcesses(plan.services ?? []).map((service) => this.startService(service)));
  }

  /** Starts one server. What is left of the one that had its role is ended first. */
  async startService(service: ServiceProcess): Promise<void> {
    const { recordFile, netns, directory, cgroup, mounts } = this.#parts;
    await endProcesses(recordFile.record.processes.find(({ role }) => role === service.role)?.processes ?? []);
    await startService(service, {
      netns,
      uid: recordFile.record.serviceUid,
      logFile: serviceLog(directory, service.role),
      ...defined({ cgroup, mounts: mounts && bareMountsIn(mounts) }),
      started: async (processes) => recordFile.setProcesses(service.role, processes),
    });
  }
}
