import { serviceWarnings } from "@netbind/engine";
import type { Vmi } from "@netbind/kubevirt";
import { type ProcessId, waitUntil } from "@netbind/netns";
import { expectedSidecars, HookManager, unchangedCloudInit } from "@netbind/pod";
import { needsDemoGuest } from "../launcher/base-domain.ts";
import { startConsole } from "../launcher/console.ts";
import type { FoundContainerDisks } from "../launcher/container-disks.ts";
import type { Image } from "../launcher/image.ts";
import { libvirtLog } from "../launcher/libvirt.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import { type PreparedVolumes, prepareVolumes } from "../launcher/volumes.ts";
import { defineDomain, type MadePod } from "../pod/make-pod.ts";
import { hookLocation } from "../pod/sidecar-paths.ts";
import type { LocalRecordFile } from "../record/local-pod-record.ts";
import { lastLines } from "../record/read-end.ts";
import { consoleLocation } from "./console-location.ts";
import { graceOf } from "./grace.ts";
import type { StartContext, StartedVm, StartRequest } from "./start-request.ts";
import { qemuEnded } from "../errors.ts";

const QEMU_DEADLINE = 10_000;

/** A pod whose NICs are attached and whose libvirt is up, and what its guest is started with. */
export interface GuestStart {
  readonly machine: StartContext;
  readonly request: StartRequest;
  readonly recordFile: LocalRecordFile;
  readonly made: MadePod;
  readonly image: Image;
  readonly containerDisks: FoundContainerDisks;
}

const hasCloudInit = ({ spec }: Vmi): boolean =>
  (spec.volumes ?? []).some((volume) => "cloudInitNoCloud" in volume || "cloudInitConfigDrive" in volume);

/** Prepares the disks of a guest; the sidecars are asked about cloud-init's data as KubeVirt's launcher asks them. */
async function prepareDisks(
  { machine, request, recordFile, image, containerDisks }: GuestStart,
  hooks: HookManager,
): Promise<PreparedVolumes> {
  const { vmi } = request.decision;
  const { record } = recordFile;
  if (!hasCloudInit(vmi)) await hooks.preCloudInitIso(undefined, vmi);
  return await prepareVolumes({
    exec: machine.exec,
    image,
    vmi,
    user: vmUserOf(record),
    hostDisks: record.hostDisks ?? [],
    containerDisks,
    data: request.data,
    pod: machine.state.podDirectory(record.id),
    preCloudInitIso: async (data) => unchangedCloudInit(data, await hooks.preCloudInitIso(data, vmi)),
  });
}

/** Boots a guest from its domain, with its console read from the start. Gives its QEMU. */
async function boot({ machine, request, recordFile, made }: GuestStart, xml: string): Promise<ProcessId> {
  const { launcher, directory } = made.prepared;
  const reading = startConsole(consoleLocation(machine.state, recordFile.record));
  const [console] = await Promise.all([reading, launcher.create(xml, request.signal)]);
  recordFile.setProcesses("console", console);
  await waitUntil(() => launcher.qemu() !== undefined, QEMU_DEADLINE);
  const qemu = launcher.qemu();
  if (qemu === undefined) throw qemuEnded(lastLines(libvirtLog(directory)));
  recordFile.setProcesses("qemu", [qemu]);
  return qemu;
}

/** What the person who starts a VM should know of it. */
function warningsOf({ request, made }: GuestStart, { disks, warnings }: PreparedVolumes): readonly string[] {
  const { vmi } = request.decision;
  const demo =
    needsDemoGuest(vmi, disks) && warnings.length > 0
      ? ["netbind cannot boot a disk of this VM: the demo guest boots instead"]
      : [];
  const omitted = made.nics.flatMap(({ attachment, plan }) => serviceWarnings(attachment.name, plan.services ?? []));
  return [...warnings, ...demo, ...omitted, ...graceOf(vmi).warnings];
}

/** Starts the guest in a pod whose NICs are attached and whose libvirt is up. */
export async function startGuest(start: GuestStart): Promise<StartedVm> {
  const { machine, request, recordFile, made } = start;
  const { nics, prepared } = made;
  const { state, progress } = machine;
  const { record } = recordFile;
  await using hooks = await HookManager.collect(
    hookLocation(state, record),
    expectedSidecars(record.sidecars ?? {}, nics),
  );
  const volumes = await prepareDisks(start, hooks);
  request.signal.throwIfAborted();
  const { accelerator } = prepared;
  const xml = await defineDomain({ vmi: request.decision.vmi, nics, disks: volumes.disks, accelerator }, hooks);
  recordFile.update({ domainXml: xml });
  progress(`starting the guest (${accelerator === "kvm" ? "KVM" : "TCG: KVM cannot boot a guest on this machine"})`);
  const qemu = await boot(start, xml);
  return { id: record.id, nics, warnings: warningsOf(start, volumes), qemu };
}
