import { join } from "node:path";
import { BindingError, type NicNames, type Plan, type PodLink } from "@netbind/contract";
import {
  countOperations,
  diffNetwork,
  forLauncherGroup,
  type NicNetwork,
  nicTable,
  type ObservedNetwork,
  type PlaceholderKind,
  podLinkOf,
  type ServiceProcess,
  serviceProcesses,
  type TapOwner,
  type WantedNetwork,
} from "@netbind/engine";
import { applyNetwork } from "./apply.ts";
import { derivedName } from "./derived-name.ts";
import { observe, readTable } from "./observe.ts";
import { findPlaceholderKind } from "./placeholder.ts";
import type { PodJournal } from "./pod-journal.ts";
import { endProcesses } from "./end-processes.ts";
import { inNetns, type Run } from "./run.ts";
import { startService } from "./services.ts";

/** What a pod's network is made with. */
export interface PodNetworkParts {
  /** Path of the pod's network namespace. */
  readonly netns: string;
  readonly run: Run;
  readonly journal: PodJournal;
  /** Who may open the pod's taps. */
  readonly owner: TapOwner;
  /** Where logs of the pod's services are kept. */
  readonly directory: string;
  /** The control group of the pod's services; absent: the caller's. */
  readonly cgroup?: string;
}

/** The file that a server's output goes to, in its pod's directory. */
export const serviceLog = (directory: string, role: string): string => join(directory, derivedName("service", { text: role }, ".log"));

/** Waits until everything is over, and then throws what failed first in the list. */
export async function all(parts: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(parts)) if (outcome.status === "rejected") throw outcome.reason;
}

/** The network of one pod, as every host makes it: looked at once, applied by difference, recorded before it is acted on. */
export class PodNetwork {
  readonly #parts: PodNetworkParts;
  /** The pod as it was last looked at, while nothing was done to it since. */
  #seen: ObservedNetwork | undefined;
  #listed: Promise<void> = Promise.resolve();

  constructor(parts: PodNetworkParts) {
    this.#parts = parts;
  }

  get #runIn(): Run {
    return inNetns(this.#parts.netns, this.#parts.run);
  }

  async once<T>(nic: string, fact: "before" | "plan", find: () => Promise<T>): Promise<T> {
    const { journal } = this.#parts;
    const known = journal.record.nics[nic]?.[fact];
    if (known !== undefined) return known as T;
    const found = await find();
    journal.updateNic(nic, { [fact]: found });
    return found;
  }

  /** The NIC's pod link as it is now. @throws BindingError POD_LINK_MISSING */
  async observe(names: NicNames): Promise<PodLink> {
    this.#seen = await observe(this.#runIn, { table: nicTable(names.pod) });
    const link = podLinkOf(this.#seen, names.pod, names.tap);
    if (link !== undefined) return link;
    throw new BindingError(
      "POD_LINK_MISSING",
      `pod link "${names.pod}" is not in the pod's namespace`,
      "see what the network's CNI plugin made",
    );
  }

  async apply(nic: string, wanted: NicNetwork): Promise<void> {
    const { journal, owner } = this.#parts;
    const { afterImage, wanted: before } = journal.record.nics[nic] ?? {};
    const complete: WantedNetwork = {
      ...wanted,
      plan: forLauncherGroup(wanted.plan, owner),
      owner,
      placeholderKind: await this.#placeholderKind(wanted),
      ...(afterImage === undefined ? {} : { afterImage }),
    };
    journal.updateNic(nic, { wanted: complete });
    // The first time nothing was done since the pod was looked at; after an interruption nobody knows.
    const seen = before === undefined ? this.#seen : undefined;
    this.#seen = undefined;
    const sysctls = (wanted.plan.sysctls ?? []).map(({ key }) => key);
    const there = seen ?? (await observe(this.#runIn, { sysctls, table: wanted.table }));
    const operations = diffNetwork(complete, there);
    const [lost] = operations.lost;
    if (lost !== undefined) throw new BindingError("POD_LINK_MISSING", lost, "stop the VM and start it again");
    if (countOperations(operations) === 0) return;
    await applyNetwork(this.#runIn, operations);
    if (operations.nft.length > 0) this.#recordTable(nic, wanted.table);
  }

  /** What this kernel has for a placeholder, asked only where a plan has one. */
  async #placeholderKind({ plan }: NicNetwork): Promise<PlaceholderKind> {
    return plan.links.some(({ kind }) => kind === "placeholder") ? findPlaceholderKind(this.#runIn) : "dummy";
  }

  /** Records how the kernel lists a table that was just made: only the next difference needs it, so nothing waits here. */
  #recordTable(nic: string, table: WantedNetwork["table"]): void {
    const listed = readTable(this.#runIn, table).then((afterImage) => {
      if (afterImage !== undefined) this.#parts.journal.updateNic(nic, { afterImage });
    });
    this.#listed = all([this.#listed, listed]);
    // Whoever waits for it is told of a failure.
    this.#listed.catch(() => undefined);
  }

  /** Waits until all that was made is recorded. */
  settled(): Promise<void> {
    return this.#listed;
  }

  async startServices(plan: Plan): Promise<void> {
    await all([this.settled(), ...serviceProcesses(plan.services ?? []).map((service) => this.startService(service))]);
  }

  /** Starts one server. What is left of the one that had its role is ended first. */
  async startService(service: ServiceProcess): Promise<void> {
    const { journal, netns, directory, cgroup } = this.#parts;
    await endProcesses(journal.record.processes.find(({ role }) => role === service.role)?.processes ?? []);
    await startService(service, {
      netns,
      uid: journal.record.serviceUid,
      logFile: serviceLog(directory, service.role),
      ...(cgroup === undefined ? {} : { cgroup }),
      started: async (processes) => journal.setProcesses(service.role, processes),
    });
  }
}
