import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BindingError, type NicNames, type Plan, type PodLink } from "@netbind/contract";
import {
  type AttachedNic,
  countOperations,
  type Decision,
  diffNetwork,
  guestResolver,
  type Host,
  type NicNetwork,
  type NicPlanner,
  nicTable,
  type ObservedNetwork,
  type PlaceholderKind,
  type PodFacts,
  podHostname,
  podLinkOf,
  podResolvConf,
  type ServiceProcess,
  serviceProcesses,
  type WantedNetwork,
} from "@netbind/engine";
import { applyNetwork, endProcesses, findPlaceholderKind, inNetns, observe, readTable, type Run, startService } from "@netbind/netns";
import { connectBinding, connectSidecar } from "@netbind/remote";
import { cniAdd } from "./cni.ts";
import type { CniAttachment, CniConfigList, Journal } from "./journal.ts";
import { VM_USER } from "./launcher/vm-user.ts";
import { takeLock } from "./lock.ts";
import { makeNetns, makeNode, netnsPath } from "./node-netns.ts";
import { attachSocket, publishSidecar, type SidecarRuntime, type SidecarSpec, startSidecar } from "./sidecars.ts";
import type { State } from "./state.ts";

const NODE_LOCK_WAIT = 60_000;

/** What the host on one machine is made of. */
export interface LocalHostParts {
  readonly state: State;
  readonly run: Run;
  /** Where sidecars are started from that are not in the record yet. */
  readonly runtime?: SidecarRuntime;
  /** The pod network's configuration; only a pod that is made takes it. */
  readonly podNetwork?: CniConfigList;
  readonly journal: Journal;
  /** Told when the pod has its namespace: what needs no more of it is started beside the rest. */
  readonly namespaceMade?: () => void;
}

/** Waits until everything is over, and then throws what failed first in the list. */
async function all(parts: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(parts)) if (outcome.status === "rejected") throw outcome.reason;
}

/** The host on one machine: a namespace is the pod, processes are its containers. Everything is in the journal first. */
export class LocalHost implements Host {
  readonly #parts: LocalHostParts;
  /** The pod as it was last looked at, while nothing was done to it since. */
  #seen: ObservedNetwork | undefined;
  #listed: Promise<void> = Promise.resolve();

  constructor(parts: LocalHostParts) {
    this.#parts = parts;
  }

  get #netns(): string {
    return netnsPath(this.#parts.journal.record.netns);
  }

  get #runIn(): Run {
    return inNetns(this.#netns, this.#parts.run);
  }

  get #directory(): string {
    const { state, journal } = this.#parts;
    return state.vm(journal.record.id);
  }

  async makePod(decision: Decision): Promise<PodFacts> {
    const { run, journal } = this.#parts;
    await makeNetns(run, journal.record.netns);
    // A launcher's container may bind low ports (NET_BIND_SERVICE): here its processes have no capability at all.
    await this.#runIn(["sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=0"]);
    this.#parts.namespaceMade?.();
    const facts = this.#podFacts(decision);
    journal.update({ facts });
    // A sidecar needs nothing of the pod's network. Both are over before either's failure is told.
    await all([this.#attachNetwork(), this.#startSidecars(decision)]);
    return facts;
  }

  /** Node and pod network, one VM at a time: CNI plugins and the node's own set-up are not made for two at once. */
  async #attachNetwork(): Promise<void> {
    const { state, run, journal, podNetwork } = this.#parts;
    await using _ = await takeLock(join(state.root, "node.lock"), "the node's network", NODE_LOCK_WAIT);
    await makeNode(run, state);
    if (podNetwork === undefined || journal.record.vmi.spec.networks?.some(({ pod }) => pod !== undefined) !== true) return;
    const attachment: CniAttachment = { network: "pod", ifname: "eth0", containerId: `netbind-${journal.record.id}`, config: podNetwork };
    journal.update({ attachments: [attachment] });
    const result = await cniAdd(run, netnsPath(state.nodeNetns), this.#netns, attachment);
    journal.update({ attachments: [{ ...attachment, result }] });
  }

  async #startSidecars({ bindings }: Decision): Promise<void> {
    const { state, runtime } = this.#parts;
    for (const [at, { name }] of bindings.filter(({ image }) => image !== undefined).entries()) {
      if (runtime === undefined) throw new Error("a pod with sidecars needs a runtime to start them from");
      await this.#startSidecar(name, publishSidecar(runtime, state.cache, name, `hook-sidecar-${at}`));
    }
  }

  #podFacts({ vmi }: Decision): PodFacts {
    const text = podResolvConf(vmi.spec, readFileSync("/etc/resolv.conf", "utf8"));
    writeFileSync(join(this.#directory, "resolv.conf"), text, { mode: 0o644 });
    return { resolvConf: guestResolver(text, vmi.spec.subdomain), hostname: podHostname(vmi) };
  }

  async #startSidecar(binding: string, spec: SidecarSpec): Promise<void> {
    const { journal } = this.#parts;
    journal.update({ sidecars: { ...journal.record.sidecars, [binding]: spec } });
    const place = { netns: this.#netns, vmDirectory: this.#directory };
    await startSidecar(binding, spec, place, (processes) => journal.setProcesses(`sidecar ${binding}`, processes));
  }

  /** Ends what is left of a binding's sidecar, starts it anew from the record, and tells it again what it was told. */
  async restartSidecar(binding: string): Promise<void> {
    const { sidecars, processes } = this.#parts.journal.record;
    const spec = sidecars?.[binding];
    if (spec === undefined) return;
    await endProcesses(processes.find(({ role }) => role === `sidecar ${binding}`)?.processes ?? []);
    rmSync(attachSocket(this.#directory, spec.container), { force: true });
    await this.#startSidecar(binding, spec);
    await this.#tell(binding, spec.container);
  }

  async once<T>(nic: string, fact: "before" | "plan", find: () => Promise<T>): Promise<T> {
    const { journal } = this.#parts;
    const known = journal.record.nics[nic]?.[fact];
    if (known !== undefined) return known as T;
    const found = await find();
    journal.updateNic(nic, { [fact]: found });
    return found;
  }

  async observe(names: NicNames): Promise<PodLink> {
    this.#seen = await observe(this.#runIn, { table: nicTable(names.pod) });
    const link = podLinkOf(this.#seen, names.pod);
    if (link !== undefined) return link;
    throw new BindingError(
      "POD_LINK_MISSING",
      `pod link "${names.pod}" is not in the pod's namespace`,
      "see what the network's CNI plugin made",
    );
  }

  planner(binding: string): NicPlanner {
    const container = this.#parts.journal.record.sidecars?.[binding]?.container;
    if (container === undefined)
      throw new BindingError("UNAVAILABLE", `binding "${binding}" has no sidecar to ask`, "register one with a sidecarImage");
    return {
      plan: async (attachment) => {
        const client = connectBinding(attachSocket(this.#directory, container));
        try {
          return await client.plan(attachment);
        } finally {
          client.close();
        }
      },
    };
  }

  async apply(nic: string, wanted: NicNetwork): Promise<void> {
    const { journal } = this.#parts;
    const { afterImage, wanted: before } = journal.record.nics[nic] ?? {};
    const complete: WantedNetwork = {
      ...wanted,
      owner: VM_USER,
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
    const { journal } = this.#parts;
    await endProcesses(journal.record.processes.find(({ role }) => role === service.role)?.processes ?? []);
    await startService(service, {
      netns: this.#netns,
      uid: journal.record.serviceUid,
      logFile: join(this.#directory, `${service.role.replace(" ", "-")}.log`),
      started: async (processes) => journal.setProcesses(service.role, processes),
    });
  }

  async attach(binding: string, nics: readonly AttachedNic[]): Promise<void> {
    const { journal } = this.#parts;
    journal.update({ attached: [...(journal.record.attached ?? []), ...nics.map(({ attachment }) => attachment)] });
    const container = journal.record.sidecars?.[binding]?.container;
    if (container !== undefined) await this.#tell(binding, container);
  }

  /** Hands a sidecar the NICs of its binding, as they are recorded. */
  async #tell(binding: string, container: string): Promise<void> {
    const { namespace, name, uid, attached = [], bindings, nics } = this.#parts.journal.record;
    const own = attached.flatMap((attachment) => {
      const plan = nics[attachment.name]?.plan;
      return bindings[attachment.name] === binding && plan !== undefined ? [{ attachment, plan }] : [];
    });
    const client = connectSidecar(attachSocket(this.#directory, container));
    try {
      await client.attach({ namespace, name, uid, nics: own });
    } finally {
      client.close();
    }
  }
}
