import { chownSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { type AttachedNic, attachVmi, type CniConfigList, type Decision, tapDomain, type Vmi, writeTapInterface } from "@netbind/engine";
import { chooseServiceUid, isAlive, type ProcessId, type Run, waitUntil } from "@netbind/netns";
import { HookManager } from "./hook-manager.ts";
import { Journal, type VmRecord } from "./journal.ts";
import { buildBaseDomain, memoryBytes, needsDemoGuest } from "./launcher/base-domain.ts";
import { consoleFiles, startConsole } from "./launcher/console.ts";
import { ensureImage, type Image, type Progress } from "./launcher/image.ts";
import { type Accelerator, probeAccelerator } from "./launcher/kvm.ts";
import { findQemu, type Launcher, makeDevices, startLauncher } from "./launcher/libvirt.ts";
import { VM_USER } from "./launcher/vm-user.ts";
import { hostDiskBinds, type PreparedVolumes, prepareVolumes, type ReferencedData } from "./launcher/volumes.ts";
import { LocalHost } from "./local-host.ts";
import { takeVmLock } from "./lock.ts";
import type { DeviceSettings } from "./networks/host-plugin.ts";
import { netnsPath } from "./node-netns.ts";
import { retract } from "./retract.ts";
import type { SidecarRuntime } from "./sidecars.ts";
import { makeDirectory, type State, vmId } from "./state.ts";
import { listVms } from "./vms.ts";

/** The place that VMs are started in. */
export interface Machine {
  readonly state: State;
  readonly run: Run;
  readonly runtime: SidecarRuntime;
  readonly podNetwork: CniConfigList;
  readonly deviceSettings: DeviceSettings;
  readonly progress: Progress;
}

/** A VM to start. */
export interface StartRequest {
  readonly decision: Decision;
  /** Where its document came from: `vm.yaml:1`. */
  readonly source: string;
  readonly data: ReferencedData;
  /** Aborted where the person who asked does not want it any more. */
  readonly signal: AbortSignal;
}

/** A VM that was started. */
export interface StartedVm {
  readonly id: string;
  readonly nics: readonly AttachedNic[];
  readonly warnings: readonly string[];
  readonly qemu: ProcessId;
}

/** The VM is there already. */
export class VmExistsError extends Error {
  override readonly name = "VmExistsError";
}

/** How often KubeVirt's launcher defines a domain at boot: once more than it needs to see the result. */
const DEFINITIONS = 2;
const QEMU_DEADLINE = 10_000;
/** What a device may pin beside the guest's memory: its registers, mapped. */
const DEVICE_BYTES = 1024 ** 3;

const hasVhost = (): boolean => existsSync("/dev/vhost-net");

function newRecord(state: State, vmi: Vmi, source: string, decision: Decision): VmRecord {
  const { namespace, name } = vmi.metadata;
  const id = vmId(namespace, name);
  return {
    version: 1,
    id,
    namespace,
    name,
    uid: vmi.metadata.uid ?? randomUUID(),
    source,
    createdAt: new Date().toISOString(),
    phase: "starting",
    vmi,
    netns: state.podNetns(id),
    serviceUid: chooseServiceUid(
      id,
      listVms(state).map((other) => other.serviceUid),
    ),
    attachments: [],
    bindings: Object.fromEntries(decision.nics.map(({ spec, binding }) => [spec.name, binding])),
    nics: {},
    processes: [],
  };
}

/** Refuses a VM that is there, and removes what is left of one that is over. */
async function makeRoom(machine: Machine, id: string): Promise<void> {
  const { state, run } = machine;
  if (!existsSync(state.vm(id))) return;
  const record = listVms(state).find((candidate) => candidate.id === id);
  if (record !== undefined && findQemu(netnsPath(record.netns)) !== undefined) {
    throw new VmExistsError(`VM ${record.namespace}/${record.name} runs already: started from ${record.source} at ${record.createdAt}`);
  }
  machine.progress("removing what an earlier start of this VM left");
  await retract(state, run, id, 0);
}

/** The base domain with the NICs on taps, after the sidecars' hooks: asked more than once, as KubeVirt's launcher asks. */
async function defineDomain(
  vmi: Vmi,
  nics: readonly AttachedNic[],
  hooks: HookManager,
  volumes: PreparedVolumes,
  accelerator: Accelerator,
): Promise<string> {
  const base = buildBaseDomain({ vmi, accelerator, disks: volumes.disks });
  const onTaps = nics.filter(({ plan }) => plan.domain.kind === "tap");
  let xml = onTaps.reduce(
    (domain, { attachment, plan }) => writeTapInterface(domain, tapDomain(attachment, plan, hasVhost() ? "vhost" : "qemu")),
    base,
  );
  for (let times = 0; times < DEFINITIONS; times++) xml = await hooks.onDefineDomain(xml, vmi);
  return xml;
}

/** Starts libvirt in a pod that has its namespace, and the device files that its links are opened by. */
async function prepareLauncher(machine: Machine, journal: Journal, image: Image, vmi: Vmi): Promise<PreparedLauncher> {
  const { state, run } = machine;
  const disks = hostDiskBinds(vmi);
  const accelerator = await probeAccelerator(run, image, state.cache);
  const directory = join(state.vm(journal.record.id), "launcher");
  makeDirectory(directory, 0o700);
  makeDirectory(join(directory, "disks"), 0o700);
  for (const path of [directory, join(directory, "disks")]) chownSync(path, VM_USER.uid, VM_USER.gid);
  const devices = await makeDevices(run, state.cache);
  const nodes = [...new Map(journal.record.attachments.flatMap((one) => (one.nodes ?? []).map((node) => [node.path, node]))).values()];
  const pins = nodes.some(({ path }) => path.startsWith("/dev/vfio/"));
  const spec = {
    ...{ netns: netnsPath(journal.record.netns), image, directory, devices, nodes, disks, kvm: accelerator === "kvm", vhost: hasVhost() },
    ...(pins ? { lockedBytes: memoryBytes(vmi) + DEVICE_BYTES } : {}),
  };
  const launcher = await startLauncher(run, spec, (processes) => journal.setProcesses("launcher", processes));
  return { launcher, accelerator, directory };
}

interface PreparedLauncher {
  readonly launcher: Launcher;
  readonly accelerator: Accelerator;
  readonly directory: string;
}

/** Starts the guest in a pod whose NICs are attached and whose libvirt is up. */
async function startGuest(
  machine: Machine,
  journal: Journal,
  request: StartRequest,
  nics: readonly AttachedNic[],
  image: Image,
  { launcher, accelerator, directory }: PreparedLauncher,
): Promise<StartedVm> {
  const { state, run, progress } = machine;
  const { vmi, bindings } = request.decision;
  await using hooks = await HookManager.collect(
    join(state.vm(journal.record.id), "hooks"),
    bindings.filter((binding) => binding.image !== undefined).length,
  );
  const volumes = await prepareVolumes({
    run,
    image,
    vmi,
    data: request.data,
    directory: join(directory, "disks"),
    preCloudInitIso: (data) => hooks.preCloudInitIso(data, vmi),
  });
  request.signal.throwIfAborted();
  const xml = await defineDomain(vmi, nics, hooks, volumes, accelerator);
  journal.update({ domainXml: xml });
  writeFileSync(join(directory, "domain.xml"), xml, { mode: 0o644 });
  progress(`starting the guest (${accelerator === "kvm" ? "KVM" : "TCG: KVM does not boot a guest on this machine"})`);
  const [console] = await Promise.all([
    startConsole(netnsPath(journal.record.netns), consoleFiles(directory)),
    launcher.create("domain.xml"),
  ]);
  journal.setProcesses("console", console);
  await waitUntil(() => launcher.qemu() !== undefined, QEMU_DEADLINE);
  const qemu = launcher.qemu();
  if (qemu === undefined) throw new Error(`QEMU ended at once: ${lastLines(join(directory, "log/libvirtd.log"))}`);
  journal.setProcesses("qemu", [qemu]);
  const demo =
    needsDemoGuest(vmi, volumes.disks) && volumes.warnings.length > 0
      ? ["no disk of this VM can be booted on one machine: the demo guest boots instead"]
      : [];
  return { id: journal.record.id, nics, warnings: [...volumes.warnings, ...demo], qemu };
}

const lastLines = (file: string): string =>
  existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").slice(-3).join("; ") : "it said nothing";

/**
 * Starts a VM: pod, network, sidecars, guest. Whatever fails, nothing of it is left.
 *
 * @throws VmExistsError where it runs already, BusyError where somebody works on it
 */
export async function startVm(machine: Machine, request: StartRequest): Promise<StartedVm> {
  const { state, run, progress } = machine;
  const { vmi } = request.decision;
  const id = vmId(vmi.metadata.namespace, vmi.metadata.name);
  state.prepare();
  const image = await ensureImage(run, state.cache, progress);
  await using _ = await takeVmLock(state, id, `VM ${vmi.metadata.namespace}/${vmi.metadata.name}`);
  await makeRoom(machine, id);
  makeDirectory(state.vm(id));
  const journal = Journal.create(state.vm(id), newRecord(state, vmi, request.source, request.decision));
  try {
    progress("making the pod: namespace, networks, sidecars");
    const made = Promise.withResolvers<void>();
    const { runtime, podNetwork, deviceSettings } = machine;
    const host = new LocalHost({ state, run, runtime, podNetwork, deviceSettings, journal, launcherMayStart: made.resolve });
    // libvirt starts while the NICs are attached. What fails first is told; the other is over before anything is removed.
    const attached = attachVmi(host, request.decision);
    attached.catch(made.reject);
    const prepared = made.promise.then(() => prepareLauncher(machine, journal, image, vmi));
    await Promise.allSettled([attached, prepared]);
    const [nics, launcher] = [await attached, await prepared];
    request.signal.throwIfAborted();
    const started = await startGuest(machine, journal, request, nics, image, launcher);
    request.signal.throwIfAborted();
    journal.update({ phase: "running" });
    return started;
  } catch (error) {
    await retract(state, run, id, 0);
    throw error;
  }
}

/** Waits until a VM is over. */
export async function waitForEnd(qemu: ProcessId, signal: AbortSignal): Promise<void> {
  await waitUntil(() => signal.aborted || !isAlive(qemu), Number.POSITIVE_INFINITY, 200);
}
