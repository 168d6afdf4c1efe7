import { join } from "node:path";
import { type Binding, defined } from "@netbind/contract";
import { type AttachedNic, attachVmi, type PodDecision } from "@netbind/engine";
import type { CniConfigList } from "@netbind/kubevirt/pod";
import { isServedByPasst, tapDomain, writeTapInterface } from "@netbind/domain";
import type { DeviceSettings, Vmi } from "@netbind/kubevirt";
import { type Exec, makeUserDirectory } from "@netbind/netns";
import { defineBootDomain, type HookManager } from "@netbind/pod";
import type { LocalPodRecord, LocalRecordFile } from "../record/local-pod-record.ts";
import { buildBaseDomain, domainName } from "../launcher/base-domain.ts";
import { holdContainerDisk } from "../launcher/container-disks.ts";
import { type HeldDisk, holdHostDisk } from "../launcher/host-disks.ts";
import type { Image } from "../launcher/image.ts";
import { hypervisorNodes } from "../launcher/launcher-mounts.ts";
import { type Accelerator, probeAccelerator } from "../launcher/kvm.ts";
import type { Launcher } from "../launcher/launcher.ts";
import { startLauncher } from "../launcher/libvirt.ts";
import { ensureOpenFiles } from "../launcher/open-files.ts";
import { lockedBytes } from "../launcher/locked-memory.ts";
import { hasVhost, interfaceBackend } from "../launcher/interface-backend.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import type { GuestDisk } from "../launcher/volumes.ts";
import type { DeviceNode } from "../networks/emulated-plugin.ts";
import { LocalHost } from "./local-host.ts";
import { netnsPath } from "../node/node-netns.ts";
import { LAUNCHER_GROUP } from "./pod-groups.ts";
import type { NewSidecar } from "./sidecar-files.ts";
import type { State } from "../record/state.ts";
import { meetingDirectory, writableDirectory } from "./writable.ts";

/** What pods are made with. */
export interface PodContext {
  readonly state: State;
  readonly exec: Exec;
  /** Absent where the record names every sidecar. */
  readonly newSidecar?: NewSidecar;
  /** This release's own bindings, for NICs whose binding has no sidecar that plans. */
  readonly bindings?: ReadonlyMap<string, Binding>;
  readonly podNetwork: CniConfigList;
  readonly deviceSettings: DeviceSettings;
  /** Numbers from 0 up to 1, which order a pod's sidecars. Absent: other ones each time. */
  readonly random?: () => number;
}

/** libvirt in a pod, and where it has its files. */
export interface PreparedLauncher {
  readonly launcher: Launcher;
  readonly accelerator: Accelerator;
  readonly directory: string;
}

/** A pod that has everything but its guest. */
export interface MadePod {
  readonly nics: readonly AttachedNic[];
  readonly prepared: PreparedLauncher;
}

/** The disks that a VM's record names, held until they are in its launcher. */
function holdDisks(
  state: State,
  { id, hostDisks = [], containerDisks = [] }: LocalPodRecord,
  held: DisposableStack,
): readonly HeldDisk[] {
  return [
    ...hostDisks.map((disk) => held.use(holdHostDisk(disk))),
    ...containerDisks.flatMap((disk) => holdContainerDisk(state, id, disk)).map((disk) => held.use(disk)),
  ];
}

/** The device files that a launcher has: what QEMU is run by, and what links are opened by, each once. */
function launcherNodes(attachments: LocalPodRecord["attachments"], accelerator: Accelerator): readonly DeviceNode[] {
  const ofLinks = new Map(attachments.flatMap((one) => (one.nodes ?? []).map((node) => [node.path, node])));
  return [...hypervisorNodes({ kvm: accelerator === "kvm", vhost: hasVhost() }), ...ofLinks.values()];
}

/** Starts libvirt in a pod that has its namespace, and the device files that its links are opened by. */
async function prepareLauncher(
  { state, exec }: PodContext,
  recordFile: LocalRecordFile,
  image: Image,
  vmi: Vmi,
): Promise<PreparedLauncher> {
  const { id, netns, attachments, cgroup } = recordFile.record;
  const user = vmUserOf(recordFile.record);
  using held = new DisposableStack();
  const disks = holdDisks(state, recordFile.record, held);
  const accelerator = await probeAccelerator(exec, image, state.cache);
  const directory = join(writableDirectory(state, recordFile.record), "launcher");
  const shared = meetingDirectory(state, recordFile.record);
  makeUserDirectory(shared, user);
  const spec = defined({
    ...{
      netns: netnsPath(netns),
      domain: domainName(vmi),
      hostname: `launcher-${id}`,
      image,
      directory,
      pod: state.podDirectory(id),
      shared,
      user,
    },
    ...{ nodes: launcherNodes(attachments, accelerator), disks },
    lockedBytes: lockedBytes(vmi, attachments),
    cgroup: cgroup === undefined ? undefined : join(cgroup, LAUNCHER_GROUP),
  });
  recordFile.update({ launcher: { directory, rootfs: image.rootfs } });
  const launcher = await startLauncher(exec, spec, (processes) => recordFile.setProcesses("launcher", processes));
  return { launcher, accelerator, directory };
}

/** Makes a pod from its decision: namespace, networks, sidecars, and libvirt beside them. It is not taken back where it fails. */
export async function preparePod(
  context: PodContext,
  recordFile: LocalRecordFile,
  decision: PodDecision,
  image: Image,
): Promise<MadePod> {
  const made = Promise.withResolvers<void>();
  const host = new LocalHost({ ...context, recordFile, launcherMayStart: made.resolve });
  // libvirt starts while the NICs are attached. What fails first is reported; the other is over before anything is
  // removed.
  const attached = attachVmi(host, decision);
  attached.catch(made.reject);
  const prepared = made.promise.then(() => prepareLauncher(context, recordFile, image, decision.vmi));
  await Promise.allSettled([attached, prepared]);
  const whole: MadePod = { nics: await attached, prepared: await prepared };
  if (whole.nics.some(({ plan }) => isServedByPasst(plan)))
    await ensureOpenFiles(context.exec, netnsPath(recordFile.record.netns), whole.prepared.launcher, whole.nics);
  return whole;
}

/** What a domain is defined from, beside its sidecars. */
export interface DomainRequest {
  readonly vmi: Vmi;
  readonly nics: readonly AttachedNic[];
  readonly disks: readonly GuestDisk[];
  readonly accelerator: Accelerator;
}

/** The base domain with the NICs on taps: what the sidecars' hooks are asked about. */
function domainBeforeHooks({ vmi, nics, disks, accelerator }: DomainRequest): string {
  const base = buildBaseDomain({ vmi, accelerator, disks });
  const onTaps = nics.filter(({ plan }) => plan.domain.kind === "tap");
  return onTaps.reduce(
    (domain, { attachment, plan }) => writeTapInterface(domain, tapDomain(attachment, plan, interfaceBackend())),
    base,
  );
}

/** The domain of a VM that boots, after the sidecars' hooks. */
export const defineDomain = (request: DomainRequest, hooks: HookManager): Promise<string> =>
  defineBootDomain(domainBeforeHooks(request), request.vmi, hooks);

/** The domain of a migration's target, about which its sidecars are asked once; the guest brings its own. */
export const defineTargetDomain = (request: DomainRequest, hooks: HookManager): Promise<string> =>
  hooks.onDefineDomain(domainBeforeHooks(request), request.vmi);
