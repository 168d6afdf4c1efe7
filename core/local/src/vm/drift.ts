import { defined } from "@netbind/contract";
import { type DomainNic, domainNics, isServedByPasst } from "@netbind/domain";
import { formatOperations } from "@netbind/engine";
import {
  allRun,
  findNetworkDrift,
  findServiceDrift,
  type NetworkDrift,
  type ServiceDrift,
  sidecarAnswers,
} from "@netbind/pod";
import { type Exec, inNetns, isMountPoint, observe } from "@netbind/netns";
import type { CniAttachment, LocalPodRecord } from "../record/local-pod-record.ts";
import { domainName } from "../launcher/base-domain.ts";
import { findPasst, findQemu, launcherOf } from "../launcher/launcher-of.ts";
import { findDeviceDrift } from "../networks/cni.ts";
import { isNetns, netnsPath } from "../node/node-netns.ts";
import { limitsOf } from "../pod/pod-groups.ts";
import { hookLocation } from "../pod/sidecar-paths.ts";
import { type State, vmOfPod } from "../record/state.ts";

/** A NIC of the running domain that is not as it was defined. */
export interface DomainDrift {
  readonly nic: string;
  readonly problem: string;
  /** The NIC as it was defined. */
  readonly defined: DomainNic;
  readonly repair: "attach" | "replug" | "link";
}

/** A device of the machine's that is not as it was set up for its NIC. */
export interface DeviceDrift {
  readonly nic: string;
  readonly problems: readonly string[];
  readonly attachment: CniAttachment;
}

/** The difference between a VM's record and what is there. */
export interface Drift {
  /** Why the VM has ended: nothing but `gc` helps. Absent while its QEMU runs. */
  readonly over?: string;
  /** A start or stop that did not come to its end. */
  readonly interrupted?: string;
  /** A NIC whose coming or going did not come to its end. */
  readonly changing?: NonNullable<LocalPodRecord["changing"]>;
  readonly networks: readonly NetworkDrift[];
  readonly services: readonly ServiceDrift[];
  /** Bindings whose sidecar does not run or does not show its hook socket. */
  readonly sidecars: readonly string[];
  readonly console: boolean;
  readonly domain: readonly DomainDrift[];
  readonly devices: readonly DeviceDrift[];
  /** What nothing can repair while the VM runs. */
  readonly unrecoverable: readonly string[];
  /** The limits that something of it has run into: why something may be gone. */
  readonly limits: readonly string[];
}

const NOTHING: Omit<Drift, "over"> = {
  networks: [],
  services: [],
  sidecars: [],
  console: false,
  domain: [],
  devices: [],
  unrecoverable: [],
  limits: [],
};

async function sidecarDrift(state: State, record: LocalPodRecord): Promise<readonly string[]> {
  const silent: string[] = [];
  for (const [binding, { container }] of Object.entries(record.sidecars ?? {})) {
    const answers = await sidecarAnswers(hookLocation(state, record), { binding, container });
    if (!allRun(record, `sidecar ${binding}`) || !answers) silent.push(binding);
  }
  return silent;
}

/** Compares the NICs of the running domain with those that were defined, and sees whether QEMU still holds their taps. */
async function domainDrift(exec: Exec, record: LocalPodRecord): Promise<Pick<Drift, "domain" | "unrecoverable">> {
  const launcher = launcherOf(exec, record);
  let live: readonly DomainNic[];
  try {
    live = domainNics(await launcher.virsh(["dumpxml", domainName(record.vmi)]));
  } catch (error) {
    return { domain: [], unrecoverable: [`libvirt does not report the domain: ${(error as Error).message}`] };
  }
  const links = (await observe(inNetns(netnsPath(record.netns), exec))).links;
  const domain = domainNics(record.domainXml ?? "<domain/>").flatMap((defined): readonly DomainDrift[] => {
    const now = live.find(({ name }) => name === defined.name);
    const of = (problem: string, repair: DomainDrift["repair"]): readonly DomainDrift[] => [
      { nic: defined.name, problem, defined, repair },
    ];
    if (now === undefined) return of("the domain does not have it", "attach");
    if (now.mac !== defined.mac) return of(`its MAC is ${now.mac}, not ${defined.mac}`, "replug");
    if (now.linkDown !== defined.linkDown) return of(`its link is ${now.linkDown ? "down" : "up"}`, "link");
    return [];
  });
  // QEMU holds a tap by a descriptor: one that was deleted is dead for it, and a new one of that name is another.
  const unrecoverable = live.flatMap(({ name, target, linkDown }) => {
    // A macvtap's carrier is that of the node's link, and says nothing of QEMU.
    const tap = links.find((link) => link.name === target && (link.kind === "tun" || link.kind === "macvtap"));
    return target === undefined || linkDown || tap?.carrier === true || tap?.kind === "macvtap"
      ? []
      : [`NIC ${name}: its tap ${target} was deleted while QEMU uses it: stop the VM and start it again`];
  });
  return { domain, unrecoverable };
}

/** What was begun and interrupted, or is still in progress. */
function interruptionOf(state: State, { id, phase }: LocalPodRecord): Pick<Drift, "interrupted"> {
  if (state.podIds(vmOfPod(id)).length > 1) return { interrupted: "a migration was interrupted" };
  if (phase === "running") return {};
  return { interrupted: `a ${phase === "starting" ? "start" : "stop"} was interrupted` };
}

/**
 * NICs of passt's without a passt: libvirt starts another where it notices that one ended, and none where it does not.
 */
const passtDrift = (record: LocalPodRecord): readonly string[] =>
  Object.entries(record.nics).flatMap(([nic, { plan }]) =>
    plan !== undefined && isServedByPasst(plan) && findPasst(record).length === 0
      ? [`NIC ${nic}: passt does not run, and its guest is cut off: stop the VM and start it again`]
      : [],
  );

/** The file system of the sockets by which its processes are asked, where somebody unmounted it. */
function writableDrift(state: State, { id, writable }: LocalPodRecord): readonly string[] {
  const path = state.writable(id);
  if (writable === undefined || isMountPoint(path)) return [];
  return [`${path}, where its processes write, is not mounted any longer: stop the VM with --force and start it again`];
}

/** Compares the devices that the machine gave away with how they were set up. */
async function deviceDrift(
  state: State,
  exec: Exec,
  record: LocalPodRecord,
): Promise<Pick<Drift, "devices" | "unrecoverable">> {
  const place = { exec, node: netnsPath(state.nodeNetns), netns: netnsPath(record.netns) };
  const devices: DeviceDrift[] = [];
  const unrecoverable: string[] = [];
  for (const attachment of record.attachments) {
    const nic = attachment.network;
    try {
      const problems = await findDeviceDrift(place, attachment);
      if (problems.length > 0) devices.push({ nic, problems, attachment });
    } catch (error) {
      unrecoverable.push(`NIC ${nic}: its device cannot be read: ${(error as Error).message}`);
    }
  }
  return { devices, unrecoverable };
}

/** Finds the difference between a VM's record and the kernel, its processes and its domain. Changes nothing. */
export async function findDrift(state: State, exec: Exec, record: LocalPodRecord): Promise<Drift> {
  const netns = netnsPath(record.netns);
  const limits = limitsOf(record);
  if (!isNetns(netns)) return { ...NOTHING, limits, over: "its pod's network namespace does not exist" };
  if (findQemu(record) === undefined) return { ...NOTHING, limits, over: "its QEMU does not run" };
  const lost = writableDrift(state, record);
  // Nothing of it can be asked, and what started again would write to the machine's own file system.
  if (lost.length > 0) return { ...NOTHING, limits, unrecoverable: lost };
  const domain = await domainDrift(exec, record);
  const { devices, unrecoverable } = await deviceDrift(state, exec, record);
  return {
    ...interruptionOf(state, record),
    networks: await findNetworkDrift(inNetns(netns, exec), record),
    services: findServiceDrift(record),
    sidecars: await sidecarDrift(state, record),
    console: !allRun(record, "console"),
    domain: domain.domain,
    devices,
    unrecoverable: [...domain.unrecoverable, ...unrecoverable, ...passtDrift(record)],
    limits,
    ...defined({ changing: record.changing }),
  };
}

/** A difference for people, a line for each thing, and the limits that may be why. Empty: the VM is healthy. */
export function formatDrift(drift: Drift): readonly string[] {
  const lines = formatDifferences(drift);
  return lines.length === 0 ? [] : [...lines, ...drift.limits];
}

/** The same without the limits. */
export function formatDifferences(drift: Drift): readonly string[] {
  if (drift.over !== undefined) return [`the VM has ended: ${drift.over} (netbind gc removes it)`];
  return [
    ...(drift.interrupted === undefined ? [] : [drift.interrupted]),
    ...(drift.changing === undefined
      ? []
      : [`NIC ${drift.changing.nic}: its ${drift.changing.change}ing was interrupted`]),
    ...drift.networks.flatMap(({ nic, desired, operations }) =>
      formatOperations(operations, desired.table).map((line) => `NIC ${nic}: ${line}`),
    ),
    ...drift.services.map(({ nic, service }) => `NIC ${nic}: service ${service.role} does not serve`),
    ...drift.sidecars.map((binding) => `sidecar of binding ${binding} does not answer`),
    ...(drift.console ? ["no process reads the guest's console"] : []),
    ...drift.domain.map(({ nic, problem }) => `NIC ${nic}: domain: ${problem}`),
    ...drift.devices.flatMap(({ nic, problems }) => problems.map((problem) => `NIC ${nic}: ${problem}`)),
    ...drift.unrecoverable,
  ];
}
