import { join } from "node:path";
import { type Binding, BindingError, defined, type NicNames, type Plan, type PodLink } from "@netbind/contract";
import {
  type AttachedNic,
  type Grants,
  grantsOf,
  type Host,
  type NicNetwork,
  type NicPlanner,
  plannerOf,
  type PodDecision,
  type PodContext,
  type ServiceProcess,
  muteLinks,
} from "@netbind/engine";
import type { DeviceSettings } from "@netbind/kubevirt";
import { type CniConfigList, guestResolver, podHostname, podResolvConf, primaryLinkOf } from "@netbind/kubevirt/pod";
import {
  all,
  applyNetwork,
  endProcesses,
  type Exec,
  inNetns,
  PodNetwork,
  processesLoggingTo,
  readText,
  scaledTimeout,
  withWritableSysctls,
  writeText,
} from "@netbind/netns";
import { shuffled } from "@netbind/pod";
import { connectBinding } from "@netbind/remote/binding";
import { attachSidecar } from "@netbind/remote/sidecar";
import type { LocalRecordFile } from "../record/local-pod-record.ts";
import { type VmUser, vmUserOf } from "../launcher/vm-user.ts";
import { withNodeLock } from "../node/lock-node.ts";
import { attachNetworks, takesDevices } from "../networks/attach-networks.ts";
import { networkStatusOf } from "../networks/network-status.ts";
import { podDevices, reportedLink } from "../networks/pod-devices.ts";
import { makeNetns, makeNode, netnsPath } from "../node/node-netns.ts";
import { makePodGroups, SERVICES_GROUP } from "./pod-groups.ts";
import {
  containerName,
  holdAttachSocket,
  publishSidecar,
  removeSockets,
  sidecarLog,
  sidecarLocation,
  type SidecarRuntime,
  type SidecarSpec,
  startSidecar,
} from "./sidecars.ts";
import type { State } from "../record/state.ts";
import { mountWritable, writableDirectory } from "./writable.ts";

/** What the host on one machine is made of. */
export interface LocalHostParts {
  readonly state: State;
  readonly exec: Exec;
  /** Where sidecars are started from that are not in the record yet. */
  readonly runtime?: SidecarRuntime;
  /** The pod network's configuration; only a pod that is made takes it. */
  readonly podNetwork?: CniConfigList;
  /** What device plugins are told; only a pod that is made takes it. */
  readonly deviceSettings?: DeviceSettings;
  readonly recordFile: LocalRecordFile;
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
    const { state, exec, recordFile } = parts;
    const { id, netns, cgroup } = recordFile.record;
    this.#network = new PodNetwork(
      defined({
        ...{ netns: netnsPath(netns), exec, recordFile, owner: vmUserOf(recordFile.record), directory: state.podDirectory(id) },
        cgroup: cgroup === undefined ? undefined : join(cgroup, SERVICES_GROUP),
      }),
    );
  }

  get #netns(): string {
    return netnsPath(this.#parts.recordFile.record.netns);
  }

  get #execIn(): Exec {
    return inNetns(this.#netns, this.#parts.exec);
  }

  get #directory(): string {
    const { state, recordFile } = this.#parts;
    return state.podDirectory(recordFile.record.id);
  }

  get #writable(): string {
    return writableDirectory(this.#parts.state, this.#parts.recordFile.record);
  }

  get #user(): VmUser {
    return vmUserOf(this.#parts.recordFile.record);
  }

  async preparePod(decision: PodDecision): Promise<PodContext> {
    const { state, exec, recordFile } = this.#parts;
    const { cgroup, netns } = recordFile.record;
    await mountWritable(state, exec, recordFile.record);
    const sidecars = decision.bindings.filter(({ image }) => image !== undefined);
    if (cgroup !== undefined)
      makePodGroups(
        cgroup,
        decision.vmi,
        sidecars.map((_, at) => containerName(at)),
      );
    await makeNetns(exec, netns);
    // A launcher's container may bind low ports (NET_BIND_SERVICE): here its processes have no capability at all.
    await this.#execIn(withWritableSysctls(["sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=0"]));
    await this.#silence(decision.networks);
    const waits = takesDevices(decision.networks);
    if (!waits) this.#parts.launcherMayStart?.();
    const facts = this.#podContext(decision);
    recordFile.update({ facts });
    const attached = this.attachNetworks(decision.networks).then(() => (waits ? this.#parts.launcherMayStart?.() : undefined));
    // A sidecar needs nothing of the pod's network. Both are over before either's failure is told.
    await all([attached, this.#startSidecars(decision)]);
    return this.withNetworks(facts);
  }

  /** A guest that is still elsewhere keeps its place on its networks until it comes: nothing here speaks with its MAC address. */
  async #silence(networks: PodDecision["networks"]): Promise<void> {
    const names = networks.flatMap(({ mac, ifname }) => (mac === undefined ? [] : [ifname]));
    if (this.#parts.recordFile.record.migration !== undefined && names.length > 0) await applyNetwork(this.#execIn, muteLinks(names));
  }

  /** What is known of the pod, with what its attachments told: its primary link, and the devices that it has now. */
  withNetworks(facts: PodContext): PodContext {
    const { recordFile } = this.#parts;
    const { attachments } = recordFile.record;
    const [devices, primaryLink] = [podDevices(attachments), primaryLinkOf(networkStatusOf(attachments))];
    const all = { ...facts, ...defined({ devices, primaryLink }) };
    recordFile.update({ facts: all });
    return all;
  }

  /** Node and pod's networks, one VM at a time: CNI plugins and the node's own set-up are not made for two at once. */
  async attachNetworks(networks: PodDecision["networks"]): Promise<void> {
    const { state, exec, recordFile, podNetwork, deviceSettings = {} } = this.#parts;
    await withNodeLock(state, async () => {
      await makeNode(exec, state);
      if (podNetwork !== undefined) await attachNetworks({ state, exec, recordFile, podNetwork, settings: deviceSettings }, networks);
    });
  }

  async #startSidecars({ bindings }: PodDecision): Promise<void> {
    const { state, runtime, recordFile, random = Math.random } = this.#parts;
    const recorded = recordFile.record.sidecars;
    const names = bindings.filter(({ image }) => image !== undefined).map(({ name }) => name);
    for (const [at, name] of shuffled(names, random).entries()) {
      const known = recorded?.[name];
      if (known === undefined && runtime === undefined) throw new Error(`the record does not name the bundle of the sidecar of "${name}"`);
      const container = containerName(at);
      const spec = known ?? publishSidecar(runtime as SidecarRuntime, state.cache, name, container);
      await this.#startSidecar(name, { ...spec, container });
    }
  }

  #podContext({ vmi }: PodDecision): PodContext {
    const text = podResolvConf(vmi.spec, readText("/etc/resolv.conf"));
    writeText(join(this.#directory, "resolv.conf"), text, 0o644);
    const cause = this.#parts.recordFile.record.migration === undefined ? {} : { cause: "migrationTarget" as const };
    return { resolvConf: guestResolver(text, vmi.spec.subdomain), hostname: podHostname(vmi), ...cause };
  }

  async #startSidecar(binding: string, spec: SidecarSpec): Promise<void> {
    const { recordFile } = this.#parts;
    recordFile.update({ sidecars: { ...recordFile.record.sidecars, [binding]: spec } });
    const { cgroup } = recordFile.record;
    const place = defined({
      ...{ netns: this.#netns, podDirectory: this.#directory, writable: this.#writable, user: this.#user },
      cgroup: cgroup === undefined ? undefined : join(cgroup, spec.container),
    });
    await startSidecar(binding, spec, place, (processes) => recordFile.setProcesses(`sidecar ${binding}`, processes));
  }

  /** Ends what is left of a binding's sidecar, starts it anew from the record, and tells it again what it was told. */
  async restartSidecar(binding: string): Promise<void> {
    const { sidecars, processes } = this.#parts.recordFile.record;
    const spec = sidecars?.[binding];
    if (spec === undefined) return;
    const recorded = processes.find(({ role }) => role === `sidecar ${binding}`)?.processes ?? [];
    await endProcesses([...recorded, ...processesLoggingTo(sidecarLog(this.#directory, spec.container))]);
    await removeSockets(this.#parts.exec, this.#user, sidecarLocation(this.#writable, spec.container, this.#user));
    await this.#startSidecar(binding, spec);
    await this.#tell(binding, spec.container);
  }

  recordOnce<T>(nic: string, fact: "podLink" | "plan", find: () => Promise<T>): Promise<T> {
    return this.#network.once(nic, fact, find);
  }

  async observe(names: NicNames): Promise<PodLink> {
    return reportedLink(this.#parts.recordFile.record.attachments, names.pod) ?? this.#network.observe(names);
  }

  grants(binding: string): Grants {
    return grantsOf(binding, this.#parts.recordFile.record.grants);
  }

  planner(binding: string): NicPlanner {
    const container = this.#parts.recordFile.record.sidecars?.[binding]?.container;
    const own = this.#parts.bindings?.get(binding);
    if (container === undefined && own !== undefined) return plannerOf(own);
    if (container === undefined)
      throw new BindingError("UNAVAILABLE", `binding "${binding}" has no sidecar to ask`, "register one with a sidecarImage");
    return {
      plan: async (attachment) => {
        using socket = holdAttachSocket(sidecarLocation(this.#writable, container, this.#user));
        const client = connectBinding(socket.path, scaledTimeout(1));
        try {
          return await client.plan(attachment);
        } finally {
          client.close();
        }
      },
    };
  }

  apply(nic: string, desired: NicNetwork): Promise<void> {
    return this.#network.apply(nic, desired);
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
    const { recordFile } = this.#parts;
    recordFile.update({ attached: [...(recordFile.record.attached ?? []), ...nics.map(({ attachment }) => attachment)] });
    await this.attachToSidecar(binding);
  }

  /** Hands a binding's sidecar, where it has one, the NICs that are recorded now. */
  async attachToSidecar(binding: string): Promise<void> {
    const container = this.#parts.recordFile.record.sidecars?.[binding]?.container;
    if (container !== undefined) await this.#tell(binding, container);
  }

  /** Hands a sidecar the NICs of its binding, as they are recorded. */
  async #tell(binding: string, container: string): Promise<void> {
    const { namespace, name, uid, attached = [], bindings, nics } = this.#parts.recordFile.record;
    const own = attached.flatMap((attachment) => {
      const plan = nics[attachment.name]?.plan;
      return bindings[attachment.name] === binding && plan !== undefined ? [{ attachment, plan }] : [];
    });
    await attachSidecar(
      { ...sidecarLocation(this.#writable, container, this.#user), timeoutScale: scaledTimeout(1) },
      { namespace, name, uid, nics: own },
    );
  }
}
