import { join } from "node:path";
import type { Vmi } from "@netbind/kubevirt";
import { interfacesOf } from "@netbind/kubevirt";
import { findGroupBase } from "@netbind/pod";
import { type GroupLimits, handOn, limitsMet, makeGroup, scaled, SERVICE_GROUP } from "@netbind/netns";
import { memoryBytes } from "../launcher/base-domain.ts";
import type { State } from "../record/state.ts";

const MIB = 1024 ** 2;
const GIB = 1024 * MIB;

/** What KubeVirt lets the sidecar of a guaranteed VM have; a whole processor, because a fifth of one makes it start late. */
const SIDECAR_GROUP: GroupLimits = { processes: scaled(128), memory: scaled(64_000_000), cpus: scaled(1) };
/** Processes and threads that a launcher may have: what kubelets let a pod have. */
export const LAUNCHER_PROCESSES: number = scaled(4096);
/** libvirt, QEMU's own, and the code that it makes of the guest's where there is no KVM. */
const LAUNCHER_BYTES = 2 * GIB;
const CPU_BYTES = 8 * MIB;
/** What a passt takes, which KubeVirt gives it too. */
const NIC_BYTES = 250 * MIB;
/** The kernel's tables of a guest's pages: a 512th. */
const PAGE_TABLES = 512;

/** What a pod's processes may take, by the group that they are in. */
export interface PodLimits {
  readonly pod: GroupLimits;
  readonly launcher: GroupLimits;
  readonly sidecar: GroupLimits;
  readonly services: GroupLimits;
}

function launcherLimits(vmi: Vmi): GroupLimits {
  const { cpu = {} } = vmi.spec.domain;
  const { cores = 1, sockets = 1, threads = 1 } = cpu;
  const cpus = cores * sockets * threads;
  const guest = memoryBytes(vmi);
  const memory = guest + guest / PAGE_TABLES + cpus * CPU_BYTES + interfacesOf(vmi).length * NIC_BYTES + LAUNCHER_BYTES;
  // Beside the guest's processors there is what moves its packets and blocks.
  return { processes: LAUNCHER_PROCESSES, memory: Math.ceil(scaled(memory)), cpus: scaled(cpus + 2) };
}

/** The limits of a VM's pod with so many sidecars. */
export function podLimits(vmi: Vmi, sidecars: number): PodLimits {
  const launcher = launcherLimits(vmi);
  const parts = [launcher, SERVICE_GROUP, ...Array.from({ length: sidecars }, () => SIDECAR_GROUP)];
  const sum = (what: keyof GroupLimits): number => parts.reduce((total, limits) => total + limits[what], 0);
  return {
    pod: { processes: sum("processes"), memory: sum("memory"), cpus: sum("cpus") },
    ...{ launcher, sidecar: SIDECAR_GROUP, services: SERVICE_GROUP },
  };
}

/** A pod's control group; undefined where none can be made. Its name is the pod's network namespace's. @throws GroupError */
export function podGroup(state: State, id: string): string | undefined {
  const found = findGroupBase();
  return "base" in found ? join(found.base, state.podNetns(id)) : undefined;
}

/** Where the pod's servers, its launcher and its sidecars are. */
export const SERVICES_GROUP = "services";
export const LAUNCHER_GROUP = "launcher";

/** Makes a pod's groups, with a sidecar's for each container. */
export function makePodGroups(group: string, vmi: Vmi, containers: readonly string[]): void {
  const limits = podLimits(vmi, containers.length);
  makeGroup(group, limits.pod);
  handOn(group);
  makeGroup(join(group, SERVICES_GROUP), limits.services);
  makeGroup(join(group, LAUNCHER_GROUP), limits.launcher);
  for (const container of containers) makeGroup(join(group, container), limits.sidecar);
}

/** The limits that something of a pod has run into, a sentence each. */
export const limitsOf = ({ cgroup }: { readonly cgroup?: string }): readonly string[] =>
  cgroup === undefined ? [] : limitsMet(cgroup);
