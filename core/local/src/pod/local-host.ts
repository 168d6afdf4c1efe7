import { join } from "node:path";
import { type Binding, defined } from "@netbind/contract";
import {
  type AttachedNic,
  type Grants,
  grantsOf,
  type Host,
  muteLinks,
  type NicPlanner,
  plannerOf,
  type PodContext,
  type PodDecision,
} from "@netbind/engine";
import type { DeviceSettings } from "@netbind/kubevirt";
import { type CniConfigList, guestResolver, podHostname, podResolvConf, primaryLinkOf } from "@netbind/kubevirt/pod";
import { all, applyNetwork, type Exec, inNetns, PodNetwork, readText, writeText } from "@netbind/netns";
import { vmUserOf } from "../launcher/vm-user.ts";
import { attachNetworks, takesDevices } from "../networks/attach-networks.ts";
import { networkStatusOf } from "../networks/network-status.ts";
import { podDevices, reportedLink } from "../networks/pod-devices.ts";
import { withNodeLock } from "../node/lock-node.ts";
import { makeNetns, makeNode, netnsPath } from "../node/node-netns.ts";
import type { LocalRecordFile } from "../record/local-pod-record.ts";
import { type LocalSidecarParts, LocalSidecars } from "./local-sidecars.ts";
import { makePodGroups, SERVICES_GROUP } from "./pod-groups.ts";
import { containerName } from "./sidecar-paths.ts";
import { mountWritable } from "./writable.ts";

/** What the host on one machine is made of. */
export interface LocalHostParts extends LocalSidecarParts {
  /** The pod network's configuration; only a pod that is made takes it. */
  readonly podNetwork?: CniConfigList;
  /** The configuration of device plugins; only a pod that is made takes it. */
  readonly deviceSettings?: DeviceSettings;
  /** This release's own bindings, for a NIC whose binding has no sidecar in the pod, or one that does not plan. */
  readonly bindings?: ReadonlyMap<string, Binding>;
  /** Called when the pod has what its launcher takes, its namespace and device files: it is started beside the rest. */
  readonly launcherMayStart?: () => void;
}

function podNetworkOf({ state, exec, recordFile }: LocalHostParts): PodNetwork {
  const { id, netns, cgroup } = recordFile.record;
  return new PodNetwork({
    ...{
      netns: netnsPath(netns),
      exec,
      recordFile,
      owner: vmUserOf(recordFile.record),
      directory: state.podDirectory(id),
      mounts: state.mounts,
    },
    ...defined({ cgroup: cgroup && join(cgroup, SERVICES_GROUP) }),
    reportedLink: (name) => reportedLink(recordFile.record.attachments, name),
  });
}

/** The host on one machine: a namespace is the pod, processes are its containers. Everything is in the record first. */
export class LocalHost implements Host<PodDecision> {
  readonly #parts: LocalHostParts;
  readonly #recordFile: LocalRecordFile;
  readonly network: PodNetwork;
  readonly sidecars: LocalSidecars;

  constructor(parts: LocalHostParts) {
    this.#parts = parts;
    this.#recordFile = parts.recordFile;
    this.network = podNetworkOf(parts);
    this.sidecars = new LocalSidecars(parts);
  }

  get #execIn(): Exec {
    return inNetns(netnsPath(this.#recordFile.record.netns), this.#parts.exec);
  }

  async preparePod(decision: PodDecision): Promise<PodContext> {
    const { launcherMayStart } = this.#parts;
    await this.#makeNamespace(decision);
    const waits = takesDevices(decision.networks);
    if (!waits) launcherMayStart?.();
    const facts = this.#podContext(decision);
    this.#recordFile.update({ facts });
    const attached = this.attachNetworks(decision.networks).then(() => (waits ? launcherMayStart?.() : undefined));
    // A sidecar needs nothing of the pod's network. Both have ended before either's failure is reported.
    await all([attached, this.sidecars.startAll(decision.bindings)]);
    return this.withNetworks(facts);
  }

  /** Makes what a pod has before its networks: its file system, groups and namespace. */
  async #makeNamespace({ bindings, networks, vmi }: PodDecision): Promise<void> {
    const { state, exec } = this.#parts;
    const { record } = this.#recordFile;
    await mountWritable(state, exec, record);
    const sidecars = bindings.filter(({ image }) => image !== undefined).map((_, at) => containerName(at));
    if (record.cgroup !== undefined) makePodGroups(record.cgroup, vmi, sidecars);
    // A launcher's container may bind low ports (NET_BIND_SERVICE): here its processes have no capability at all.
    await makeNetns(exec, record.netns, "net.ipv4.ip_unprivileged_port_start=0");
    // A guest that is still elsewhere keeps its place on its networks until it comes: nothing here speaks with its MAC address.
    const links = networks.flatMap(({ mac, ifname }) => (mac === undefined ? [] : [ifname]));
    if (record.migration !== undefined && links.length > 0) await applyNetwork(this.#execIn, muteLinks(links));
  }

  /**
   * What is known of the pod, with what its attachments reported: its primary link, and the devices that it has now.
   */
  withNetworks(facts: PodContext): PodContext {
    const { attachments } = this.#recordFile.record;
    const found = defined({
      devices: podDevices(attachments),
      primaryLink: primaryLinkOf(networkStatusOf(attachments)),
    });
    const complete = { ...facts, ...found };
    this.#recordFile.update({ facts: complete });
    return complete;
  }

  /** Node and pod's networks, one VM at a time: CNI plugins and the node's own set-up are not made for two at once. */
  async attachNetworks(networks: PodDecision["networks"]): Promise<void> {
    const { state, exec, podNetwork, deviceSettings = {} } = this.#parts;
    await withNodeLock(state, async () => {
      await makeNode(exec, state);
      if (podNetwork === undefined) return;
      await attachNetworks(
        { state, exec, recordFile: this.#recordFile, podNetwork, settings: deviceSettings },
        networks,
      );
    });
  }

  #podContext({ vmi }: PodDecision): PodContext {
    const { state, recordFile } = this.#parts;
    const { id, migration } = recordFile.record;
    const text = podResolvConf(vmi.spec, readText("/etc/resolv.conf"));
    writeText(join(state.podDirectory(id), "resolv.conf"), text, 0o644);
    const resolvConf = guestResolver(text, vmi.spec.subdomain);
    return defined({ resolvConf, hostname: podHostname(vmi), cause: migration && "migrationTarget" });
  }

  grants(binding: string): Grants {
    return grantsOf(binding, this.#recordFile.record.grants);
  }

  planner(binding: string): NicPlanner {
    const own = this.#parts.bindings?.get(binding);
    return own === undefined || this.sidecars.plans(binding) ? this.sidecars.planner(binding) : plannerOf(own);
  }

  async attach(binding: string, nics: readonly AttachedNic[]): Promise<void> {
    const { attached = [] } = this.#recordFile.record;
    this.#recordFile.update({ attached: [...attached, ...nics.map(({ attachment }) => attachment)] });
    await this.sidecars.attach(binding);
  }
}
