import { join } from "node:path";
import { type Binding, BindingError, type NicNames, type Plan, type PodLink } from "@netbind/contract";
import {
  type AttachedNic,
  type Grants,
  grantsOf,
  type Host,
  type NicNetwork,
  type NicPlanner,
  plannerOf,
  type PodDecision,
  type PodFacts,
  type ServiceProcess,
  silenceLinks,
} from "@netbind/engine";
import { type CniConfigList, guestResolver, podHostname, podResolvConf, primaryLinkOf } from "@netbind/kubevirt/pod";
import {
  all,
  applyNetwork,
  endProcesses,
  inNetns,
  patient,
  PodNetwork,
  processesLoggingTo,
  type Run,
  withWritableSysctls,
} from "@netbind/netns";
import { attachSidecar } from "@netbind/remote/sidecar";
import { connectBinding } from "@netbind/remote/binding";
import type { Journal } from "./journal.ts";
import { type VmUser, vmUserOf } from "./launcher/vm-user.ts";
import { shuffled } from "./launcher-faults.ts";
import { withNodeLock } from "./lock-node.ts";
import { attachNetworks, takesDevices } from "./networks/attach-networks.ts";
import { networkStatusOf } from "./networks/network-status.ts";
import { podDevices, toldLink } from "./networks/pod-devices.ts";
import type { DeviceSettings } from "./networks/host-plugin.ts";
import { makeNetns, makeNode, netnsPath } from "./node-netns.ts";
import { makePodGroups, SERVICES_GROUP } from "./pod-groups.ts";
import {
  containerName,
  holdAttachSocket,
  publishSidecar,
  removeSockets,
  sidecarLog,
  sidecarPlace,
  type SidecarRuntime,
  type SidecarSpec,
  startSidecar,
} from "./sidecars.ts";
import { readText, writeText } from "./root-files.ts";
import type { State } from "./state.ts";
import { mountWritable, writableDirectory } from "./writable.ts";

/** What the host on one machine is made of. */
export interface LocalHostParts {
  readonly state: State;
  readonly run: Run;
  /** Where sidecars are started from that are not in the record yet. */
  readonly runtime?: SidecarRuntime;
  /** The pod network's configuration; only a pod that is made takes it. */
  readonly podNetwork?: CniConfigList;
  /** What device plugins are told; only a pod that is made takes it. */
  readonly deviceSettings?: DeviceSettings;
  readonly journal: Journal;
  /** This release's own bindings, for a NIC that comes to a pod without a sidecar of its binding. */
  readonly bindings?: ReadonlyMap<string, Binding>;
  /** Told when the pod has what its launcher takes, its namespace and device files: it is started beside the rest. */
  readonly launcherMayStart?: () => void;
  /** Numbers from 0 up to 1, which order the pod's sidecars. Absent: other ones each time. */
  readonly random?: () => number;
}

/** The host on one machine: a namespace is the pod, processes are its containers. Everything is in the journal first. */
export class LocalHost implements Host<PodDecision> {
  readonly #parts: LocalHostParts;
  readonly #network: PodNetwork;

  constructor(parts: LocalHostParts) {
    this.#parts = parts;
    const { state, run, journal } = parts;
    const { id, netns, cgroup } = journal.record;
    this.#network = new PodNetwork({
      ...{ netns: netnsPath(netns), run, journal, owner: vmUserOf(journal.record), directory: state.vm(id) },
      ...(cgroup === undefined ? {} : { cgroup: join(cgroup, SERVICES_GROUP) }),
    });
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

  get #writable(): string {
    return writableDirectory(this.#parts.state, this.#parts.journal.record);
  }

  get #user(): VmUser {
    return vmUserOf(this.#parts.journal.record);
  }

  async makePod(decision: PodDecision): Promise<PodFacts> {
    const { state, run, journal } = this.#parts;
    const { cgroup, netns } = journal.record;
    await mountWritable(state, run, journal.record);
    const sidecars = decision.bindings.filter(({ image }) => image !== undefined);
    if (cgroup !== undefined)
      makePodGroups(
        cgroup,
        decision.vmi,
        sidecars.map((_, at) => containerName(at)),
      );
    await makeNetns(run, netns);
    // A launcher's container may bind low ports (NET_BIND_SERVICE): here its processes have no capability at all.
    await this.#runIn(withWritableSysctls(["sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=0"]));
    await this.#silence(decision.networks);
    const waits = takesDevices(decision.networks);
    if (!waits) this.#parts.launcherMayStart?.();
    const facts = this.#podFacts(decision);
    journal.update({ facts });
    const attached = this.attachNetworks(decision.networks).then(() => (waits ? this.#parts.launcherMayStart?.() : undefined));
    // A sidecar needs nothing of the pod's network. Both are over before either's failure is told.
    await all([attached, this.#startSidecars(decision)]);
    return this.withNetworks(facts);
  }

  /** A guest that is still elsewhere keeps its place on its networks until it comes: nothing here speaks with its MAC address. */
  async #silence(networks: PodDecision["networks"]): Promise<void> {
    const names = networks.flatMap(({ mac, ifname }) => (mac === undefined ? [] : [ifname]));
    if (this.#parts.journal.record.migration !== undefined && names.length > 0) await applyNetwork(this.#runIn, silenceLinks(names));
  }

  /** What is known of the pod, with what its attachments told: its primary link, and the devices that it has now. */
  withNetworks(facts: PodFacts): PodFacts {
    const { journal } = this.#parts;
    const { attachments } = journal.record;
    const [devices, primaryLink] = [podDevices(attachments), primaryLinkOf(networkStatusOf(attachments))];
    const all = { ...facts, ...(devices === undefined ? {} : { devices }), ...(primaryLink === undefined ? {} : { primaryLink }) };
    journal.update({ facts: all });
    return all;
  }

  /** Node and pod's networks, one VM at a time: CNI plugins and the node's own set-up are not made for two at once. */
  async attachNetworks(networks: PodDecision["networks"]): Promise<void> {
    const { state, run, journal, podNetwork, deviceSettings = {} } = this.#parts;
    await withNodeLock(state, async () => {
      await makeNode(run, state);
      if (podNetwork !== undefined) await attachNetworks({ state, run, journal, podNetwork, settings: deviceSettings }, networks);
    });
  }

  async #startSidecars({ bindings }: PodDecision): Promise<void> {
    const { state, runtime, journal, random = Math.random } = this.#parts;
    const recorded = journal.record.sidecars;
    const names = bindings.filter(({ image }) => image !== undefined).map(({ name }) => name);
    for (const [at, name] of shuffled(names, random).entries()) {
      const known = recorded?.[name];
      if (known === undefined && runtime === undefined) throw new Error(`the record does not say what the sidecar of "${name}" runs from`);
      const container = containerName(at);
      const spec = known ?? publishSidecar(runtime as SidecarRuntime, state.cache, name, container);
      await this.#startSidecar(name, { ...spec, container });
    }
  }

  #podFacts({ vmi }: PodDecision): PodFacts {
    const text = podResolvConf(vmi.spec, readText("/etc/resolv.conf"));
    writeText(join(this.#directory, "resolv.conf"), text, 0o644);
    const cause = this.#parts.journal.record.migration === undefined ? {} : { cause: "migrationTarget" as const };
    return { resolvConf: guestResolver(text, vmi.spec.subdomain), hostname: podHostname(vmi), ...cause };
  }

  async #startSidecar(binding: string, spec: SidecarSpec): Promise<void> {
    const { journal } = this.#parts;
    journal.update({ sidecars: { ...journal.record.sidecars, [binding]: spec } });
    const { cgroup } = journal.record;
    const place = {
      ...{ netns: this.#netns, vmDirectory: this.#directory, writable: this.#writable, user: this.#user },
      ...(cgroup === undefined ? {} : { cgroup: join(cgroup, spec.container) }),
    };
    await startSidecar(binding, spec, place, (processes) => journal.setProcesses(`sidecar ${binding}`, processes));
  }

  /** Ends what is left of a binding's sidecar, starts it anew from the record, and tells it again what it was told. */
  async restartSidecar(binding: string): Promise<void> {
    const { sidecars, processes } = this.#parts.journal.record;
    const spec = sidecars?.[binding];
    if (spec === undefined) return;
    const recorded = processes.find(({ role }) => role === `sidecar ${binding}`)?.processes ?? [];
    await endProcesses([...recorded, ...processesLoggingTo(sidecarLog(this.#directory, spec.container))]);
    await removeSockets(this.#parts.run, this.#user, sidecarPlace(this.#writable, spec.container, this.#user));
    await this.#startSidecar(binding, spec);
    await this.#tell(binding, spec.container);
  }

  once<T>(nic: string, fact: "before" | "plan", find: () => Promise<T>): Promise<T> {
    return this.#network.once(nic, fact, find);
  }

  async observe(names: NicNames): Promise<PodLink> {
    return toldLink(this.#parts.journal.record.attachments, names.pod) ?? this.#network.observe(names);
  }

  grants(binding: string): Grants {
    return grantsOf(binding, this.#parts.journal.record.grants);
  }

  planner(binding: string): NicPlanner {
    const container = this.#parts.journal.record.sidecars?.[binding]?.container;
    const own = this.#parts.bindings?.get(binding);
    if (container === undefined && own !== undefined) return plannerOf(own);
    if (container === undefined)
      throw new BindingError("UNAVAILABLE", `binding "${binding}" has no sidecar to ask`, "register one with a sidecarImage");
    return {
      plan: async (attachment) => {
        using socket = holdAttachSocket(sidecarPlace(this.#writable, container, this.#user));
        const client = connectBinding(socket.path, patient(1));
        try {
          return await client.plan(attachment);
        } finally {
          client.close();
        }
      },
    };
  }

  apply(nic: string, wanted: NicNetwork): Promise<void> {
    return this.#network.apply(nic, wanted);
  }

  /** Waits until all that was made is recorded. */
  settled(): Promise<void> {
    return this.#network.settled();
  }

  startServices(plan: Plan): Promise<void> {
    return this.#network.startServices(plan);
  }

  startService(service: ServiceProcess): Promise<void> {
    return this.#network.startService(service);
  }

  async attach(binding: string, nics: readonly AttachedNic[]): Promise<void> {
    const { journal } = this.#parts;
    journal.update({ attached: [...(journal.record.attached ?? []), ...nics.map(({ attachment }) => attachment)] });
    await this.tellSidecar(binding);
  }

  /** Hands a binding's sidecar, where it has one, the NICs that are recorded now. */
  async tellSidecar(binding: string): Promise<void> {
    const container = this.#parts.journal.record.sidecars?.[binding]?.container;
    if (container !== undefined) await this.#tell(binding, container);
  }

  /** Hands a sidecar the NICs of its binding, as they are recorded. */
  async #tell(binding: string, container: string): Promise<void> {
    const { namespace, name, uid, attached = [], bindings, nics } = this.#parts.journal.record;
    const own = attached.flatMap((attachment) => {
      const plan = nics[attachment.name]?.plan;
      return bindings[attachment.name] === binding && plan !== undefined ? [{ attachment, plan }] : [];
    });
    await attachSidecar(
      { ...sidecarPlace(this.#writable, container, this.#user), patience: patient(1) },
      { namespace, name, uid, nics: own },
    );
  }
}
